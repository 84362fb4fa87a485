"""The dictionary that primes SPDY/3's header compression: a constant of the protocol (draft 3, section 2.6.10.1).

It is the methods, header names, status codes and values that were common then, each with a four-byte length or, at
the end, as running text. Both sides must have the same bytes: zlib compares their Adler-32.
"""

_COUNTED = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_STATUS = "200 OK"
_MORE = "version HTTP/1.1 url public set-cookie keep-alive origin"
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _counted(word: str) -> bytes:
    return len(word).to_bytes(4, "big") + word.encode("ascii")


DICTIONARY = b"".join(map(_counted, [*_COUNTED.split(), _STATUS, *_MORE.split()])) + _TEXT.encode("ascii")
