"""What this machine can do: `sampan doctor`. Zone: lonely; only its children enter namespaces."""
