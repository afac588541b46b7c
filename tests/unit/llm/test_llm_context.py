"""The size of a model's context: what servers say of it, when asked and when a prompt is too long."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from halo_opt.llm.context import StatedSizes, served_context, stated_sizes
from halo_opt.llm.endpoint import Endpoint

Json = dict[str, Any]


@contextlib.contextmanager
def server(pages: Mapping[str, Any], asked: list[str] | None = None) -> Iterator[str]:
    """A server with these answers by path; each further request for a path gets its next answer."""
    left = {path: list(answer) if isinstance(answer, tuple) else [answer] for path, answer in pages.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            answers = left.get(self.path)
            self.send_response(404 if answers is None else 200)
            self.end_headers()
            if answers is not None:
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def listing(**entry: Any) -> Json:
    return {"object": "list", "data": [{"id": "other", "max_model_len": 999}, {"id": "m", **entry}]}


def context(pages: Mapping[str, Any], provider: str = "lab", model: str = "m") -> int | None:
    with server(pages) as url:
        return served_context(Endpoint(url, "key", model, free=True, provider=provider))


@pytest.mark.parametrize(
    ("said", "pages", "size"),
    [
        ("vLLM, SGLang", {"/v1/models": listing(max_model_len=40_960)}, 40_960),
        (
            "OpenRouter",
            {"/v1/models": listing(context_length=200_000, top_provider={"context_length": 131_072})},
            131_072,
        ),
        ("Groq", {"/v1/models": listing(context_window=131_072)}, 131_072),
        ("Mistral", {"/v1/models": listing(max_context_length=32_768)}, 32_768),
        ("Anthropic", {"/v1/models": listing(max_input_tokens=200_000)}, 200_000),
        ("Together: a bare list", {"/v1/models": [{"id": "m", "context_length": 8192}]}, 8192),
        (
            "llama.cpp: what a slot is served, not what the model was trained for",
            {
                "/v1/models": {"data": [{"id": "some/file.gguf", "meta": {"n_ctx_train": 131_072}}]},
                "/props": {"default_generation_settings": {"n_ctx": 16_384}},
            },
            16_384,
        ),
        ("llama.cpp without /props", {"/v1/models": listing(meta={"n_ctx_train": 4096})}, 4096),
        (
            "LM Studio",
            {"/v1/models": listing(), "/api/v0/models": listing(loaded_context_length=8192, max_context_length=40_960)},
            8192,
        ),
        ("TGI", {"/v1/models": listing(), "/info": {"max_input_tokens": 4095, "max_total_tokens": 4096}}, 4096),
        ("nothing", {"/v1/models": listing()}, None),
        ("nonsense", {"/v1/models": listing(max_model_len="big", context_length=-1, context_window=True)}, None),
        ("another protocol", {"/v1/models": b"<html>", "/props": [1, 2], "/api/v0/models": "no"}, None),
        ("other models only", {"/v1/models": {"data": [{"id": "a", "max_model_len": 9}, {"id": "b"}]}}, None),
    ],
)
def test_size_that_a_server_says(said: str, pages: Mapping[str, Any], size: int | None) -> None:
    assert context(pages) == size, said


def test_ollama_is_asked_after_the_model_is_loaded() -> None:
    loaded = {"models": [{"name": "m:latest", "context_length": 4096}]}
    pages = {"/v1/models": listing(), "/api/ps": ({"models": []}, loaded), "/api/generate": {"done": True}}
    assert context(pages, provider="ollama") == 4096


def test_nobody_is_asked_again_where_nobody_answers() -> None:
    assert served_context(Endpoint("http://127.0.0.1:9/v1", "key", "m", free=True)) is None


@pytest.mark.parametrize(
    ("words", "limit", "prompt"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            8192,
            9000,
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the "
            "messages, 1000 in the completion).",
            4096,
            4000,
        ),
        ("prompt is too long: 200500 tokens > 200000 maximum", 200_000, 200_500),
        ("input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000", 200_000, 199_000),
        ("request (20010 tokens) exceeds the available context size (8192 tokens), try increasing it", 8192, 20_010),
        ("the request exceeds the available context size. try increasing the context size", None, None),
        ("The decoder prompt (length 5000) is longer than the maximum model length of 4096.", 4096, 5000),
        (
            "'max_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has "
            "5000 input tokens (4096 > 8192 - 5000).",
            8192,
            5000,
        ),
        (
            "This endpoint's maximum context length is 131072 tokens. However, you requested about 250432 tokens "
            "(249432 of text input, 1000 in the output).",
            131_072,
            249_432,
        ),
        ("The input (1,200,000 tokens) exceeds the maximum context length of 1,048,576 tokens", 1_048_576, 1_200_000),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            1_048_576,
            1_200_000,
        ),
        ("Prompt contains 40000 tokens, too large for model with 32768 maximum context length", 32_768, 40_000),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 1000 `max_new_tokens`",
            4096,
            5000,
        ),
        ("Request too large for m on tokens per min (TPM): Limit 30000, Requested 40000.", 30_000, 40_000),
        ("Context size has been exceeded.", None, None),
    ],
)
def test_sizes_in_the_words_of_a_refusal(words: str, limit: int | None, prompt: int | None) -> None:
    assert stated_sizes(words) == StatedSizes(limit, prompt)
