"""OpenHands' events as turns with calls: of its runtime (`action`, `observation`) and of its SDK (`kind`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.message_layouts import texts_of
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, total

Event = Mapping[str, Any]

# Events of the runtime that neither say nor do anything.
_SILENT = (
    "change_agent_state",
    "agent_state_changed",
    "recall",
    "null",
    "condensation",
    "condensation_request",
    "system",
)
# Arguments of an action that are settings, or what the agent thought.
_NO_ARGUMENTS = (
    "agent_state",
    "blocking",
    "confirmation_state",
    "hidden",
    "is_confirmed",
    "keep_prompt",
    "security_risk",
    "thought",
    "wait_for_response",
)


def is_event(value: Any) -> bool:
    """Whether a value is an event of OpenHands: it does or sees something, or is of one of the SDK's kinds."""
    if not isinstance(value, dict):
        return False
    kind = value.get("kind")
    if isinstance(kind, str) and kind.endswith(("Event", "Observation")):
        return bool(value.keys() & {"source", "tool_name", "llm_message", "system_prompt", "tool_call_id"})
    acts = isinstance(value.get("action"), str) and isinstance(value.get("args"), dict)
    sees = isinstance(value.get("observation"), str) and "content" in value and "extras" in value
    return "source" in value and (acts or sees)


@dataclass(slots=True)
class Session:
    """What the events of one attempt say so far; `tokens_in` are totals, `summed_in` those of single replies."""

    turns: list[Turn] = field(default_factory=list)
    messages: list[TranscriptMessage] = field(default_factory=list)
    goal: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    summed_in: int | None = None
    summed_out: int | None = None
    cost_usd: float | None = None
    model: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    finished: bool = False
    error: str | None = None
    _calls: dict[str, Call] = field(default_factory=dict)
    _seen: str | None = None
    _reply_id: str | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        when = values.time(event.get("timestamp"))
        self.started_at = self.started_at or when
        self.ended_at = when or self.ended_at
        if isinstance(event.get("kind"), str):
            self._add_of_sdk(event, when)
        elif isinstance(event.get("action"), str):
            self._act(event, when)
        elif isinstance(event.get("observation"), str):
            self._observe(event)
        self.count(event.get("llm_metrics"))

    def count(self, metrics: Any) -> None:
        """Take over totals, each of which replaces the one before it."""
        if not isinstance(metrics, dict):
            return
        cost = values.number(metrics.get("accumulated_cost"))
        usage = metrics.get("accumulated_token_usage")
        usage = usage if isinstance(usage, dict) else {}
        self.cost_usd = self.cost_usd if cost is None else cost
        self.model = values.text(usage.get("model") or metrics.get("model_name")) or self.model
        self.tokens_in = values.integer(usage.get("prompt_tokens")) or self.tokens_in
        self.tokens_out = values.integer(usage.get("completion_tokens")) or self.tokens_out

    def _say(self, role: str, text: str | None, turn: int | None = None) -> None:
        if text or turn is not None:
            self.messages.append((role, text, turn))

    def _hear(self, text: str | None) -> None:
        """A message of the user: the goal, if it is the first one."""
        if self.goal is None:
            self.goal = text
        self._seen = text
        self._say("user", text)

    def _turn(self, reply_id: str | None, reply: str | None, when: str | None) -> Turn:
        """The turn that a reply belongs to: a new one, unless the last one is of the same reply of the model."""
        if reply_id is not None and reply_id == self._reply_id and self.turns:
            return self.turns[-1]
        self._reply_id = reply_id
        turn = Turn(observation=self._seen, reply=reply or None, started_at=when)
        self.turns.append(turn)
        self._say("assistant", None, len(self.turns) - 1)
        return turn

    def _call(self, turn: Turn, call: Call, *keys: str | None) -> None:
        turn.calls.append(call)
        self._calls.update({key: call for key in keys if key is not None})

    def _answer(self, call: Call | None, text: str | None, *, failed: bool | None, status: int | None) -> None:
        self._seen = text
        self._say("tool", text)
        if call is None and self.turns and self.turns[-1].calls:
            call = next((one for one in self.turns[-1].calls if one.result is None), None)
        if call is not None:
            call.result, call.failed, call.status = text, failed, status

    def _act(self, event: Event, when: str | None) -> None:
        """An action of the runtime."""
        action, args = event["action"], values.an_object(event.get("args"))
        if action == "system":
            self._say("system", values.text(args.get("content")))
        if action in _SILENT:
            return
        if event.get("source") == "user":
            self._hear(texts_of(args.get("content")) or values.text(event.get("message")))
            return
        asked = values.an_object(event.get("tool_call_metadata"))
        response = values.an_object(asked.get("model_response"))
        self.model = values.text(response.get("model")) or self.model
        reply_id, usage = values.text(response.get("id")), values.an_object(response.get("usage"))
        if reply_id is None or reply_id != self._reply_id:
            self.summed_in = total((self.summed_in, usage.get("prompt_tokens")))
            self.summed_out = total((self.summed_out, usage.get("completion_tokens")))
        turn = self._turn(reply_id, values.text(args.get("thought")), when)
        if action == "message":
            turn.say(texts_of(args.get("content")))
            return
        self.finished = self.finished or action in ("finish", "reject")
        given = {
            name: value for name, value in args.items() if name not in _NO_ARGUMENTS and value not in (None, "", [])
        }
        call_id = values.text(asked.get("tool_call_id"))
        call = Call(call_id, values.text(asked.get("function_name")) or action, values.text(given))
        self._call(turn, call, call_id, f"event {event.get('id')}")

    def _observe(self, event: Event) -> None:
        """An observation of the runtime."""
        kind, extras = event["observation"], values.an_object(event.get("extras"))
        if kind in _SILENT:
            return
        metadata = values.an_object(extras.get("metadata"))
        status = values.count(metadata.get("exit_code", extras.get("exit_code")))
        success = event.get("success")
        failed = True if kind in ("error", "user_rejected") or success is False else None
        asked = values.text(values.an_object(event.get("tool_call_metadata")).get("tool_call_id"))
        call = self._calls.get(asked or "") or self._calls.get(f"event {event.get('cause')}")
        text = texts_of(event.get("content")) or values.text(event.get("message"))
        self._answer(call, text, failed=failed, status=status if status is not None and status >= 0 else None)

    def _add_of_sdk(self, event: Event, when: str | None) -> None:
        """An event of the SDK."""
        kind, call_id = event["kind"], values.text(event.get("tool_call_id"))
        if kind == "SystemPromptEvent":
            self._say("system", texts_of(event.get("system_prompt")))
        elif kind == "MessageEvent":
            said = values.an_object(event.get("llm_message"))
            text = texts_of(said.get("content"))
            if (event.get("source") or said.get("role")) in ("agent", "assistant"):
                self._turn(values.text(event.get("llm_response_id")), text, when)
            else:
                self._hear(text)
        elif kind == "ActionEvent":
            self._act_of_sdk(event, call_id, when)
        elif kind in ("ObservationEvent", "UserRejectObservation", "AgentErrorEvent"):
            call = self._calls.get(call_id or "") or self._calls.get(f"event {event.get('action_id')}")
            seen = event.get("observation")
            inner = seen if isinstance(seen, dict) else {"content": seen}
            content = next((inner[key] for key in ("content", "output", "text", "result") if inner.get(key)), None)
            stated = values.text(event.get("error") or event.get("rejection_reason"))
            failed = True if kind != "ObservationEvent" else values.boolean(inner.get("is_error", inner.get("error")))
            status = values.count(inner.get("exit_code"))
            status = status if status is not None and status >= 0 else None
            self._answer(call, stated or texts_of(content) or values.text(seen), failed=failed or None, status=status)
        elif kind == "ConversationErrorEvent":
            self.error = values.text(event.get("detail") or event.get("code"))
        elif kind == "ConversationStateUpdateEvent":
            value = values.an_object(event.get("value"))
            stats = values.an_object(value.get("stats", value))
            for metrics in values.an_object(stats.get("usage_to_metrics")).values():
                self.count(metrics)

    def _act_of_sdk(self, event: Event, call_id: str | None, when: str | None) -> None:
        thoughts = [values.text(event.get("reasoning_content")), texts_of(event.get("thought"))]
        reply = "\n\n".join(thought for thought in thoughts if thought)
        turn = self._turn(values.text(event.get("llm_response_id")), reply, when)
        asked = values.an_object(event.get("tool_call"))
        action = {key: value for key, value in values.an_object(event.get("action")).items() if key != "kind"}
        function = values.an_object(asked.get("function"))
        given = next((one["arguments"] for one in (asked, function) if one.get("arguments") is not None), action)
        tool = values.text(event.get("tool_name") or asked.get("name") or function.get("name")) or "unknown"
        self.finished = self.finished or tool == "finish"
        self._call(turn, Call(call_id, tool, values.text(given)), call_id, f"event {event.get('id')}")


def events_of(history: Iterable[Any]) -> Iterable[Event]:
    """The events of a history; older files hold pairs of an action and its observation."""
    for entry in history:
        for event in entry if isinstance(entry, list) else [entry]:
            if isinstance(event, dict):
                yield event
