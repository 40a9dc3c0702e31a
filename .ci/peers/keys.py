"""The keys of LiteLLM's proxy, which has them in a database elsewhere: no database that it can use is to be had without
downloading one. What a key may do is LiteLLM's own to judge: its check of the budget is called as it calls it itself for
a key of its database, and its limiter counts the requests of a minute."""

from fastapi import Request
from litellm.proxy._types import ProxyErrorTypes, ProxyException, UserAPIKeyAuth
from litellm.proxy.auth.auth_checks import _virtual_key_max_budget_check
from litellm.proxy.auth.route_checks import RouteChecks

KEYS = {
    "sk-peers-0123456789": {},
    "sk-spent-0123456789": {"spend": 10.02, "max_budget": 10.0},
    "sk-paced-0123456789": {"rpm_limit": 8},
}


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key not in KEYS:
        raise ProxyException(
            message="Authentication Error, Invalid proxy server token passed.",
            type=ProxyErrorTypes.token_not_found_in_db,
            param="key",
            code=401,
        )
    key = UserAPIKeyAuth(api_key=api_key, key_alias=api_key[3:8], **KEYS[api_key])
    if RouteChecks.is_llm_api_route(route=request.url.path):
        from litellm.proxy.proxy_server import proxy_logging_obj

        await _virtual_key_max_budget_check(valid_token=key, proxy_logging_obj=proxy_logging_obj)
    return key
