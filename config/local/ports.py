import socket

from config.local.failures import LocalFailure

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free_port(host: str, port: int) -> None:
    """Raise ``LocalFailure`` when ``port`` cannot be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except PermissionError:
            raise LocalFailure(
                f"Port {port} needs more rights; choose one above 1023: ./dev up --port 8001"
            ) from None
        except OSError as error:
            raise LocalFailure(
                f"Port {port} cannot be used on {host} ({(error.strerror or str(error)).lower()}); "
                f"choose another: ./dev up --port {port + 1}"
            ) from None
