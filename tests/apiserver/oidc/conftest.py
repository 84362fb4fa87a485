"""The issuer that these tests' servers believe."""

from collections.abc import AsyncIterator

import pytest

from tests.apiserver.oidc.issuer import OIDCIssuer, issuing


@pytest.fixture
async def issuer() -> AsyncIterator[OIDCIssuer]:
    async with issuing() as running_issuer:
        yield running_issuer
