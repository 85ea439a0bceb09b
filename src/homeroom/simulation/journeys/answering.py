"""How a node of a world answers reads: by the engine alone, or from what is kept."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from homeroom.simulation.journeys.asking import Ask, Reply

if TYPE_CHECKING:
    from homeroom.simulation.journeys.machine import Machine

__all__ = ["Answering"]


class Answering:
    """Answers the reads of one life of a node."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def ask(self, ask: Ask, answer: Callable[[Reply], None]) -> None:
        """Answer a read that may be answered now."""
        machine = self._machine
        answer(
            Reply(
                status=200,
                body=machine.disk.answer(ask.tenant, ask.scope, ask.question),
                applied=machine.disk.vector,
                told_ms=machine.scene.now_ms,
            )
        )
