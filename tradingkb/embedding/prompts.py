"""What language models want to read before a text: Ollama adds none of it.

A model that was trained with prefixes and gets none, or the wrong one, finds worse neighbours and
says nothing. Each line has its source. Who is not listed reads texts as they are: all-minilm,
paraphrase-multilingual, bge-m3 and granite-embedding say so of themselves, of others nothing is
known here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_TASK: Final = "Given a description of a market, retrieve descriptions of similar markets"
_PASSAGES: Final = "Represent this sentence for searching relevant passages: "


@dataclass(frozen=True)
class Prompts:
    """What stands before texts.

    Attributes:
        document: before a window's.
        query: before a question's.
    """

    document: str = ""
    query: str = ""

    @property
    def version(self) -> str:
        """A short name, another one for other prompts."""
        if self == NONE:
            return "no-prompts"
        said = f"{self.document}\n{self.query}".encode()
        return f"prompts-{hashlib.sha256(said).hexdigest()[:8]}"


NONE: Final = Prompts()
#: The first pattern that a model's name without host, user and tag begins with decides.
_TABLE: Final[tuple[tuple[str, Prompts], ...]] = (
    # https://huggingface.co/nomic-ai/nomic-embed-text-v1.5, and v2-moe alike
    (r"nomic-embed-text", Prompts("search_document: ", "search_query: ")),
    # https://ollama.com/library/mxbai-embed-large, https://mixedbread.com/docs/embeddings
    (r"mxbai-embed-large", Prompts(query=_PASSAGES)),
    # https://huggingface.co/Snowflake/snowflake-arctic-embed-l-v2.0
    (r"snowflake-arctic-embed2|snowflake-arctic-embed-[lm]-v2", Prompts(query="query: ")),
    # https://huggingface.co/Snowflake/snowflake-arctic-embed-l
    (r"snowflake-arctic-embed", Prompts(query=_PASSAGES)),
    # https://huggingface.co/BAAI/bge-large-en-v1.5; bge-m3 wants none, of others nothing is known
    (r"bge-(?:small|base|large)(?:-en|$)", Prompts(query=_PASSAGES)),
    # https://huggingface.co/intfloat/multilingual-e5-large-instruct
    (r"(?:.*-)?e5-.*instruct", Prompts(query=f"Instruct: {_TASK}\nQuery: ")),
    # https://huggingface.co/intfloat/multilingual-e5-large
    (r"(?:.*-)?e5-", Prompts("passage: ", "query: ")),
    # https://huggingface.co/Qwen/Qwen3-Embedding-0.6B
    (r"qwen3-embedding", Prompts(query=f"Instruct: {_TASK}\nQuery:")),
    # https://ai.google.dev/gemma/docs/embeddinggemma/model_card
    (r"embeddinggemma", Prompts("title: none | text: ", "task: search result | query: ")),
)


def prompts_of(model: str) -> Prompts:
    """What a model wants, by its name in Ollama, such as "hf.co/user/model:tag"."""
    name = model.lower().rpartition("/")[2].partition(":")[0].removesuffix("-gguf")
    return next((prompts for pattern, prompts in _TABLE if re.match(pattern, name)), NONE)
