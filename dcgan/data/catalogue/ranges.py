"""Whether all pictures of more than 8 bits can mean what they were read as: asked of the whole set, never of one."""

from __future__ import annotations

import pandas as pd

from dcgan.data.catalogue.depth import BY_TAGS, FLOATS, INTEGERS
from dcgan.errors import InputError

DARK = 0.25  # of white that hardly any picture goes beyond: more likely, white is another value
TYPICAL = 0.95  # of the pictures: a few with a dead pixel do not hide what the others are
BITS = (8, 10, 12, 14)


def require_known_ranges(facts: pd.DataFrame, paths: pd.Series[str], source: str) -> str:
    """Refuse a set whose values can hardly mean what they were read as.

    Args:
        facts: of all entries, as `opening.inspect` gives them.
        paths: of the same.
        source: where they are, for messages, such as `data.source /images`.

    Returns:
        How they were read, in words; "" where no picture has more than 8 bits.

    Raises:
        InputError: with the setting that says what they mean.
    """
    wide = facts[(facts["kind"] != "") & (facts["verdict"] == "accepted")].join(paths.rename("path"))
    if wide.empty:
        return ""
    by_tags = wide[wide["said"] == BY_TAGS]
    if len(by_tags[["black", "white"]].drop_duplicates()) > 1:
        one, other = by_tags.drop_duplicates(["black", "white"]).head(2).to_dict("records")
        raise InputError(
            f"{source}: the images say what their values mean (SMaxSampleValue), but do not agree: "
            f"{one['black']:g} to {one['white']:g} in {one['path']}, {other['black']:g} to {other['white']:g} in "
            f"{other['path']}. Say it for all: data.range: "
            f"[{by_tags['black'].min():g}, {by_tags['white'].max():g}]"
        )
    unsaid = wide[wide["said"] == ""]
    for white, group in unsaid.groupby("white"):
        _require_bright(group, float(str(white)), source)
    floats = unsaid[unsaid["kind"] == FLOATS]
    small = floats[(floats["white"] == 1) & (floats["high"] > 0)]
    if len(small) and (floats["white"] > 1).any():
        [large] = floats.nlargest(1, "high").to_dict("records")
        raise InputError(
            f"{source}: {len(small):,} of {len(floats):,} floating-point images have no value over 1, "
            f"such as {small['path'].iloc[0]}, but others have, up to {large['high']:g} ({large['path']}). Say which "
            "values are black and white in all of them: data.range: [0, 255], or data.range: [0, 1]"
        )
    ranges = wide[["black", "white"]].drop_duplicates().sort_values(["white", "black"])
    limits = ", ".join(f"{black:g} to {white:g}" for black, white in ranges.itertuples(index=False))
    return f"{len(wide):,} of more than 8 bits, values from {limits}"


def _require_bright(group: pd.DataFrame, white: float, source: str) -> None:
    """Refuse pictures that would nearly all be nearly black."""
    typical = float(group["high"].quantile(TYPICAL, interpolation="higher"))
    if typical > DARK * white or typical <= 0:
        return
    [brightest] = group.nlargest(1, "high").to_dict("records")
    if brightest["high"] <= DARK * white:
        typical = float(brightest["high"])
    beyond = int((group["high"] > typical).sum())
    integers = group["kind"].iloc[0] == INTEGERS
    bits = next((bits for bits in BITS if typical < 2**bits), None) if integers else None
    meant = 2**bits - 1 if bits else typical
    what = f"fits into {bits} bits" if bits else "is far below that"
    but = f", except {beyond:,} with up to {brightest['high']:,.6g} ({brightest['path']})" if beyond else ""
    raise InputError(
        f"{source}: {len(group):,} images of more than 8 bits would be read as values from 0 to "
        f"{white:,.6g}, but none exceeds {typical:,.6g}{but}, which {what}: they would be nearly black. Say which "
        f"values are black and white: data.range: [0, {meant:.6g}], or data.range: [0, {white:.6g}] if they are so dark"
    )
