"""What to do about a picture that is hard to read, in words for people."""

from __future__ import annotations

from shared.contracts import PageQuality, Receipt

# Score from which a fault matters.
_MATTERS = 0.5
_SIDES = ("left", "top", "right", "bottom")
# What to do about each fault, the most helpful first.
_ADVICE = {
    "no_receipt": "There is hardly any text. Is this the right picture?",
    "unreadable": "The text could not be read. Do not rely on the result.",
    "blur": "The picture is blurred. Hold the camera still, and tap the receipt to focus.",
    "low_resolution": "The text is small. Move closer and retake.",
    "darkness": "The picture is dark. Add light and retake.",
    "glare": "Light hides parts of the text. Tilt the receipt or turn off the flash.",
}


def find_advice(receipt: Receipt, *, is_whole_file: bool) -> list[str]:
    """Return what to do about the pages of a receipt, a sentence or two each; empty if they are fine.

    Args:
        receipt: The receipt.
        is_whole_file: Whether everything in the file was read as this receipt.
    """
    found: dict[str, None] = {}
    several = max((len(page.receipts) for page in receipt.pages), default=0)
    if several:
        found[f"{several} receipts on one page, read as one; use --split auto to read each one"] = None
    elif is_whole_file and len(receipt.pages) > 1:
        found[f"{len(receipt.pages)} pages read as one receipt; use --split auto if they are several"] = None
    for page in receipt.pages:
        if page.quality is not None:
            for text in _find_faults(page.quality):
                found[text] = None
    return list(found)


def _find_faults(quality: PageQuality) -> list[str]:
    faults = [text for name, text in _ADVICE.items() if getattr(quality, name) >= _MATTERS]
    sides = [side for side in _SIDES if getattr(quality.cut_off, side) >= _MATTERS]
    if sides:
        faults.append(f"Text is cut off at the {' and '.join(sides)}. Show the whole receipt.")
    return faults
