"""Talk to a language model until every label set has its captions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm.auto import tqdm

from ._checkpoint import Caption, Checkpoint
from ._cleaning import clean_caption, is_refusal
from ._grammar import join_list

if TYPE_CHECKING:
    from ._llm import BaseLLMCorpusGenerator

INSTRUCTIONS = {
    "caption": "Please briefly caption an image that contains {}.",
    "organize": "Please organize the words {} into a sentence to describe an image.",
}
_DIFFERENT = (
    "Go ahead and add a caption to this image that is different from what you described before."
)
_SHORTER = "It's too long, please make it shorter."
SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string"}},
    "required": ["caption"],
}
FIRST_WAIT, MAX_WAIT = 0.5, 30.0  # seconds between two attempts


_MAX_BYTES = 2**22  # of a reply: one sentence, perhaps after pages of thinking
_Reply = TypeVar("_Reply")


class ReplyTooLongError(Exception):
    """A server sends more than any caption needs."""


def bound_replies(client: Any) -> None:
    """Limit the length of the replies that an httpx client reads.

    Parameters
    ----------
    client : httpx.Client
        The client inside a language model's library.
    """

    def read(response: Any) -> None:
        body = b""
        for part in response.iter_bytes():
            body += part
            if len(body) > _MAX_BYTES:
                response.close()
                raise ReplyTooLongError(f"it is longer than {_MAX_BYTES:,} bytes")
        response._content = body  # as response.read(), which has no limit, would set it

    client.event_hooks = {"request": [], "response": [read]}


def within(seconds: float | None, ask: Callable[[], _Reply]) -> _Reply:
    """Return the result of a call if it comes in time.

    Clients only limit the time of each read, which a server that dribbles never exceeds. The
    thread of a call that takes too long is abandoned.
    """
    if seconds is None:
        return ask()
    outcome: Future[_Reply] = Future()

    def run() -> None:
        try:
            outcome.set_result(ask())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    if not wait([outcome], seconds + 1).done:  # later than the client, whose error says more
        raise TimeoutError(
            f"The server's reply was not complete within timeout={seconds} seconds. Give more "
            "time, or a smaller model."
        )
    return outcome.result()


class TransientError(Exception):
    """A temporary failure: another attempt may succeed.

    Raised from the error that the user sees if all attempts fail.
    """


class Conversations:
    """One pass over the unfinished label sets, `n_jobs` at a time."""

    def __init__(
        self,
        generator: BaseLLMCorpusGenerator,
        client: Any,
        store: Checkpoint,
        words: list[list[str]],
        template: str,
        seed: int,
    ) -> None:
        self.generator, self.client, self.store = generator, client, store
        self.words, self.template, self.seed = words, template, seed
        self.n_retries = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        open_of = {i: self._n_open(i) for i in range(len(words))}
        self.open_sets = [i for i, n in open_of.items() if n]
        self._n_open_captions = sum(open_of.values())

    def _n_open(self, i: int) -> int:
        return sum((i, v) not in self.store.records for v in self._variations(i))

    def _variations(self, i: int) -> list[int]:
        """The variations of set `i` that belong to the first `n_texts` captions."""
        width = 1 + self.generator.n_variations
        return list(range(min(width, self.generator.n_texts - i * width)))

    def run(self) -> None:
        """Write the missing captions; raises the error of a failed conversation."""
        bar = tqdm(
            total=self.generator.n_texts,
            initial=self.generator.n_texts - self._n_open_captions,
            desc="Writing captions",
            unit="caption",
            disable=not self.generator.verbose,
        )
        with bar:
            self._bar = bar
            if self.generator.n_jobs == 1:
                for i in self.open_sets:
                    self._converse(i)
                return
            pool = ThreadPoolExecutor(self.generator.n_jobs)
            try:
                futures = [pool.submit(self._converse, i) for i in self.open_sets]
                for future in as_completed(futures):
                    future.result()
            finally:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _converse(self, i: int) -> None:
        """All variations of one label set, in one conversation."""
        messages = []
        if self.generator.system is not None:
            messages.append({"role": "system", "content": self.generator.system})
        messages.append(
            {"role": "user", "content": self.template.replace("{}", join_list(self.words[i]))}
        )
        for variation in self._variations(i):
            if self._stop.is_set():
                return
            record = self.store.records.get((i, variation))
            if record is None:
                record = self._write_caption(messages, i, variation)
                self.store.add(record)
                with self._lock:
                    self._bar.update()
            if record["text"] is not None:
                messages.append({"role": "assistant", "content": record["text"]})
                messages.append({"role": "user", "content": _DIFFERENT})

    def _write_caption(self, messages: list[dict[str, str]], i: int, variation: int) -> Caption:
        """Ask until a usable caption comes, up to `n_retries` more times."""
        record: Caption = {
            "set": i,
            "variation": variation,
            "labels": self.words[i],
        }
        reason = ""
        for attempt in range(1 + self.generator.n_retries):
            if attempt:
                self._count_retry()
            text, shortened = self._reply(messages, (i, variation, attempt)), False
            reason = self._fault(text)
            if reason == "too long":
                again = [
                    *messages,
                    {"role": "assistant", "content": text},
                    {"role": "user", "content": _SHORTER},
                ]
                text, shortened = self._reply(again, (i, variation, attempt, 1)), True
                reason = self._fault(text)
            if not reason:
                return {**record, "text": text, "shortened": shortened}
        return {**record, "text": None, "reason": reason}

    def _fault(self, text: str) -> str:
        """Why a reply is not a caption; empty if it is one."""
        if not text:
            return "empty reply"
        if is_refusal(text):
            return "refusal"
        n_words = self.generator.max_words
        return "too long" if len(text.split()) > n_words or len(text) > 20 * n_words else ""

    def _count_retry(self) -> None:
        with self._lock:
            self.n_retries += 1

    def _reply(self, messages: list[dict[str, str]], key: tuple[int, ...]) -> str:
        """One cleaned reply; temporary failures are retried after longer and longer waits."""
        seed = int(np.random.SeedSequence([self.seed, *key]).generate_state(1)[0] >> 1)
        pause = FIRST_WAIT
        for attempt in range(1 + self.generator.n_retries):
            if attempt:
                if self._stop.wait(pause):  # another thread has failed for good
                    break
                pause = min(2 * pause, MAX_WAIT)
                self._count_retry()
            try:
                ask = partial(self.generator._ask, self.client, messages, seed + attempt)
                return self._parse(within(self.generator.timeout, ask))
            except TimeoutError as error:
                last: BaseException = error
            except TransientError as error:
                last = error.__cause__ or error  # the error meant for the user
        raise last

    def _parse(self, reply: str) -> str:
        if self.generator.structured:
            try:
                reply = json.loads(reply)["caption"]
            except (ValueError, KeyError, TypeError, RecursionError):
                return ""  # cut off or against the schema: treat it as empty
        return clean_caption(reply) if isinstance(reply, str) else ""
