"""What a broker's answer means: try again, or somebody has to put something right."""

import ssl
from dataclasses import dataclass
from typing import TypeGuard

from paho.mqtt.reasoncodes import ReasonCode

from edge.clock import Clock
from edge.mqtt.broker_url import BrokerAddress

PROTOCOL_ERROR = 130
"""MQTT 5 reason code; here for what cannot be read."""
_PASSING = {128, 131, 136, 137, 139, 151, 156, 157, 159}
"""MQTT 5 reason codes (2.4) that say "not now": unspecified, implementation specific, server
unavailable, busy, shutting down, quota, use another server, server moved, rate exceeded."""
_LOGIN = {134, 135}
"""MQTT 5 reason codes: bad user name or password, not authorized."""
_NOT_NOW = {9, 10}
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_UNSUPPORTED_VERSION = 132
_TAKEN_OVER = 142


class UnreachableError(Exception):
    """There is no connection now; trying again may help."""


class LostError(UnreachableError):
    """A connection that the broker had accepted ended, and nobody said why."""

    def __init__(self, message: str, lasted: float) -> None:
        """Note for how many seconds the connection had been accepted."""
        super().__init__(message)
        self.lasted = lasted


class RefusedError(Exception):
    """The broker said no, or cannot be trusted; somebody has to put something right."""


@dataclass(frozen=True, slots=True)
class Login:
    """What the broker was told, as far as it explains a refusal."""

    address: BrokerAddress
    has_password: bool
    has_certificate: bool
    protocol: str

    def unreachable(self, what: str) -> UnreachableError:
        """An error that names the broker."""
        return UnreachableError(f"broker {self.address}: {what}")

    def lost(self, lasted: float) -> LostError:
        """An error that names the broker, for a connection that lasted so many seconds."""
        return LostError(f"broker {self.address}: the connection was lost", lasted)

    def refused(self, what: str) -> RefusedError:
        """An error that names the broker."""
        return RefusedError(f"broker {self.address}: {what}")

    def ended(self, code: ReasonCode) -> UnreachableError | RefusedError:
        """The error for the reason that the broker gives for ending the connection."""
        if code.value in _LOGIN:
            return self.refused(f"it refuses the login ({code}); {self._way_in()}")
        if code.value == _UNSUPPORTED_VERSION:
            other = "3.1.1" if self.protocol == "5" else "5"
            return self.refused(
                f'it does not speak MQTT {self.protocol}; set broker.protocol = "{other}"'
            )
        if code.value == _TAKEN_OVER:
            return self.unreachable(
                "another client logged in under the same site and device; give each its own"
            )
        return self.unreachable(str(code)) if code.value in _PASSING else self.refused(str(code))

    def closed_at_once(self) -> UnreachableError:
        """The error for a broker that accepts a connection and closes it again."""
        if not self.address.tls:
            hint = "is it an MQTT broker, and should the URL be mqtts:// or the protocol 3.1.1?"
        elif self.has_certificate:
            hint = "does it take broker.cert_file, or should the protocol be 3.1.1?"
        else:
            hint = "does it want a certificate of the device (broker.cert_file)?"
        return self.unreachable(f"it closed the connection without an answer; {hint}")

    def no_connection(self, error: Exception) -> UnreachableError | RefusedError:
        """The error for a connection that could not be made."""
        if self.address.tls and isinstance(error, ssl.SSLEOFError | ConnectionResetError):
            return self.unreachable("it broke off the TLS handshake; does this port speak TLS?")
        if _may_be_the_clock(error):
            return self.unreachable(
                f"TLS fails ({_tls_reason(error)}); no time server has set the clock of this "
                "device yet"
            )
        if isinstance(error, ssl.SSLError):
            return self.refused(
                f"TLS fails ({_tls_reason(error)}); check broker.ca_file, the host's name and "
                "the broker's certificate"
            )
        return self.unreachable(getattr(error, "strerror", None) or str(error))

    def _way_in(self) -> str:
        user = self.address.user
        if user is None:
            return "name a user in the URL (mqtt://user@host) and give a password"
        if not self.has_password:
            return f"user {user!r} has no password; set broker.password_file or MASKGATE_PASSWORD"
        return f"check user {user!r} and the password"


def _may_be_the_clock(error: Exception) -> TypeGuard[ssl.SSLCertVerificationError]:
    """Whether a certificate is out of date by a clock that cannot be trusted."""
    return (
        isinstance(error, ssl.SSLCertVerificationError)
        and error.verify_code in _NOT_NOW
        and Clock().read().trust == "untrusted"
    )


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or str(error)).lower().replace("_", " ")
