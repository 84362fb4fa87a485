"""Reading certificates (X.509, RFC 5280) that somebody sent: cryptography's many exceptions become one."""

from cryptography import x509

_UNREADABLE = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def parse(data: bytes) -> x509.Certificate:
    """A certificate in DER whose extensions can be read, too; raises ValueError."""
    try:
        certificate = x509.load_der_x509_certificate(data)
        certificate.extensions, certificate.not_valid_after_utc  # noqa: B018 - cryptography reads them when asked for
    except _UNREADABLE as error:
        raise ValueError(f"x509: malformed certificate: {error}") from None
    if certificate.serial_number < 0:
        raise ValueError("x509: negative serial number")
    return certificate


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate is that of an authority."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """The subjectAltNames."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []
