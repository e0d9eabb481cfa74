"""Whether a registry takes a name and a password: what `login` asks before it keeps them."""

import threading

from sampan.errors import SampanError, Unauthorized, Unavailable
from sampan.registry.auth import Credentials
from sampan.registry.client import Client
from sampan.registry.hosts import Endpoint, Hosts
from sampan.registry.retry import Patience, Transient

_PATIENCE = Patience(tries=1, connect=15.0, silence=30.0)


def login(hosts: Hosts, domain: str, credentials: Credentials, cancelled: threading.Event) -> None:
    """Returns if they are right. Raises Unauthorized, Unavailable."""
    failure: SampanError = Unavailable(f"no endpoint for {domain}")
    for endpoint in hosts.endpoints(domain):
        if endpoint.mirror:
            continue
        try:
            _ask(endpoint, credentials, cancelled)
        except Unauthorized:
            raise
        except Transient as error:
            failure = error.cause
        except SampanError as error:
            failure = error
        else:
            return
    raise failure


def _ask(endpoint: Endpoint, credentials: Credentials, cancelled: threading.Event) -> None:
    """`GET /v2/` is allowed to everybody who is known (distribution-spec, "Determining Support"). A token
    without any scope says no more than who somebody is."""
    client = Client(endpoint, "", credentials, cancelled, _PATIENCE, scopes=())
    try:
        client.exchange("GET", f"{endpoint.url}/v2/", {}).close()
    except Unauthorized:
        raise Unauthorized(
            f"login attempt to {endpoint.url}/v2/ failed with status: 401 Unauthorized"
        ) from None
    finally:
        client.close()
