"""The only credentials the sandbox's servers know; anything else gets the vendor's refusal."""

from __future__ import annotations

from typing import Final

CLIENT_ID: Final = "sandbox"
CLIENT_SECRET: Final = "sandbox-secret"
TOKEN: Final = "sandbox-token"
SPACE: Final = "sandbox"
