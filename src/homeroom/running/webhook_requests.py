"""What a command on the machine asks of webhooks, done by the node that runs there.

The command line comes through the control socket (`homeroom.running.control_socket`), for whoever may write into the
data directory, without a key. It is told of dead letters how many changes they hold and not whom these are about: looks
at persons are written down, and go over HTTP.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from homeroom import limits
from homeroom.running.control_socket import Letter, WebhookAsked, WebhookDo, WebhookTold
from homeroom.running.webhooks import RunningWebhooks

__all__ = ["webhook_requests"]


def webhook_requests(
    webhooks: RunningWebhooks,
) -> Callable[[WebhookAsked], Awaitable[WebhookTold]]:
    """Return what does what is asked of webhooks.

    It raises `ControlError` and `WebhookError` for what makes no sense, `StoreError` and `SourceError` for what cannot
    be kept.
    """
    return partial(_answer, webhooks)


async def _answer(webhooks: RunningWebhooks, asked: WebhookAsked) -> WebhookTold:
    tenant, webhook, author = asked.tenant, asked.webhook, asked.author
    match asked.do:
        case WebhookDo.LIST:
            return WebhookTold(webhooks=tuple(await webhooks.list(tenant)))
        case WebhookDo.CREATE:
            made = await webhooks.create(tenant, asked.url, asked.cohorts, author)
            return WebhookTold(created=made)
        case WebhookDo.ROTATE:
            made = await webhooks.change_secret(tenant, webhook, asked.overlap_ms, author)
            return WebhookTold(created=made)
        case WebhookDo.DELETE | WebhookDo.PAUSE | WebhookDo.RESUME:
            do = {
                WebhookDo.DELETE: webhooks.delete,
                WebhookDo.PAUSE: webhooks.pause,
                WebhookDo.RESUME: webhooks.resume,
            }
            await do[asked.do](tenant, webhook, author)
            return WebhookTold()
        case _:
            return await _of_letters(webhooks, asked)


async def _of_letters(webhooks: RunningWebhooks, asked: WebhookAsked) -> WebhookTold:
    if asked.do is WebhookDo.REPLAY:
        await webhooks.replay(asked.tenant, asked.webhook, asked.deliveries)
        return WebhookTold()
    if asked.do is WebhookDo.DROP:
        await webhooks.drop(asked.tenant, asked.webhook, asked.deliveries)
        return WebhookTold()
    found = await webhooks.dead_letters(asked.tenant, asked.webhook, 0, limits.DEAD_LETTERS_MAX)
    return WebhookTold(
        letters=tuple(
            Letter(
                id=one.delivery.id,
                attempts=one.attempts,
                given_up_ms=one.given_up_ms,
                why=one.why,
                changes=len(one.delivery.changes),
            )
            for one in found
        )
    )
