"""The Jinja2 environment of all pages: autoescape on, an undefined name is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from chc_gating.reporting import explanations, numerals, sentences

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(template: str, context: Mapping[str, object]) -> str:
    """Return a self-contained HTML page; the same context gives the same text."""
    text = _environment().get_template(template).render(context)
    return re.sub(r"\n\s*\n+", "\n", text)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("chc_gating.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        amount=numerals.format_amount,
        volume=numerals.format_volume,
        number=numerals.format_count,
        known=numerals.format_known,
        percent=numerals.format_percent,
        size=numerals.format_size,
        flag_words=sentences.describe_flag,
        cut_source=explanations.describe_cut_source,
        remedy=sentences.advise_remedy,
        phenotype_words=sentences.describe_phenotype,
    )
    return environment
