"""Models get the prefixes that they were trained with, by their names."""

from __future__ import annotations

import pytest

from tradingkb.embedding.prompts import NONE, Prompts, prompts_of

PASSAGES = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("model", "document", "query"),
    [
        ("nomic-embed-text", "search_document: ", "search_query: "),
        ("nomic-embed-text:v1.5", "search_document: ", "search_query: "),
        ("nomic-embed-text-v2-moe", "search_document: ", "search_query: "),
        ("hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0", "search_document: ", "search_query: "),
        ("mxbai-embed-large:335m", "", PASSAGES),
        ("snowflake-arctic-embed:22m", "", PASSAGES),
        ("snowflake-arctic-embed2", "", "query: "),
        ("bge-large", "", PASSAGES),
        ("someone/bge-small-en-v1.5:f16", "", PASSAGES),
        ("jeffh/intfloat-multilingual-e5-large:f16", "passage: ", "query: "),
        ("embeddinggemma:300m", "title: none | text: ", "task: search result | query: "),
    ],
)
def test_a_model_gets_its_prefixes(model: str, document: str, query: str) -> None:
    assert prompts_of(model) == Prompts(document, query)


@pytest.mark.parametrize("model", ["qwen3-embedding:0.6b", "a/multilingual-e5-large-instruct"])
def test_a_model_that_takes_instructions_is_told_the_task_in_questions_only(model: str) -> None:
    found = prompts_of(model)
    assert found.document == ""
    assert found.query.startswith("Instruct: Given a description of a market")


@pytest.mark.parametrize("model", ["all-minilm", "bge-m3", "granite-embedding", "e5", "x/unknown"])
def test_a_model_of_which_nothing_is_known_reads_texts_as_they_are(model: str) -> None:
    assert prompts_of(model) == NONE


def test_other_prompts_have_another_version() -> None:
    models = ("all-minilm", "nomic-embed-text", "bge-large", "snowflake-arctic-embed2")
    assert len({prompts_of(model).version for model in models}) == len(models)
    assert prompts_of("nomic-embed-text").version == prompts_of("nomic-embed-text:v1.5").version
