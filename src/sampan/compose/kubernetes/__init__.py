"""A project as Kubernetes manifests: `compose convert --to kubernetes`. *Calm*, and pure but for the files of
configs and secrets."""
