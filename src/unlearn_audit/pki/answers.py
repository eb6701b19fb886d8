"""Network answers: bounded in bytes and seconds, from the address that was asked and from no other."""

import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

_BLOCK = 1 << 14


class _NoRedirect(HTTPRedirectHandler):
    """An answer that sends elsewhere is a refusal: elsewhere may be a machine that only this one reaches."""

    def redirect_request(self, *parts: Any) -> None:
        """Follow nothing.

        Raises:
            HTTPError: with the status that the server gave.
        """
        request, body, code, _, headers, _ = parts
        raise HTTPError(request.full_url, code, "it redirects, which is not followed", headers, body)


def open_without_redirect(request: Request, seconds: float) -> Any:
    """Open an http(s) request; each wait for a byte lasts `seconds` at most.

    Raises:
        HTTPError: a status other than success, or a redirect.
        OSError: nobody answers.
    """
    return build_opener(_NoRedirect).open(request, timeout=seconds)


def read_bounded(answer: Any, most: int, seconds: float) -> bytes:
    """Return the body of an answer.

    Raises:
        OSError: it is larger than `most` bytes, or takes longer than `seconds` as a whole.
    """
    deadline, parts, size = time.monotonic() + seconds, [], 0
    while block := answer.read1(_BLOCK):
        parts.append(block)
        size += len(block)
        if size > most:
            raise OSError(f"its answer is larger than {most >> 10} KiB")
        if time.monotonic() > deadline:
            raise OSError(f"its answer takes longer than {seconds:g} s")
    return b"".join(parts)


def make_fetchers(most: int, seconds: float) -> Any:
    """Return pyHanko's fetchers of revocation lists and OCSP answers, bounded as everything else is; and their session.

    Call it within a running event loop, and close the session that comes with them.
    """
    import aiohttp
    from pyhanko_certvalidator.fetchers.aiohttp_fetchers import AIOHttpFetcherBackend

    class BoundedResponse(aiohttp.ClientResponse):
        """Reads no more than `most` bytes of a body."""

        async def read(self) -> bytes:
            parts, size = [], 0
            async for block in self.content.iter_chunked(_BLOCK):
                parts.append(block)
                size += len(block)
                if size > most:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"its answer is larger than {most >> 10} KiB")
            return b"".join(parts)

    async def refuse(*_: Any) -> None:
        raise aiohttp.ClientPayloadError("it redirects, which is not followed")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    session = aiohttp.ClientSession(response_class=BoundedResponse, trace_configs=[trace])
    new_backend: Any = AIOHttpFetcherBackend  # untyped in pyHanko
    return new_backend(session, per_request_timeout=seconds), session
