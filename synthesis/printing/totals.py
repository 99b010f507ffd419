"""Print the lower part of a receipt: sums, payment, tax summary, footer."""

from __future__ import annotations

from synthesis.printing.till import Till
from synthesis.printing.typography import PLAIN

_MY_TOTALS = (
    "TOTAL", "Total", "TOTAL AMOUNT", "Total Amount", "GRAND TOTAL", "Grand Total", "NETT TOTAL", "Nett Total",
    "TOTAL DUE", "AMOUNT DUE", "Total Payable", "Total Sales (Inclusive of GST)", "TOTAL INCL. GST", "NET TOTAL",
    "Total Incl. GST@6%", "JUMLAH", "FINAL TOTAL", "Total Amt Payable", "TOTAL PAYABLE", "Net Total", "BILL TOTAL",
    "ROUNDED TOTAL", "TOTAL SALES", "TOTAL AFTER ROUNDING", "Total Inclusive GST",
)  # fmt: skip
_TOTALS = ("Total", "TOTAL", "Total Due", "Amount Due", "Balance Due", "Grand Total", "BALANCE", "Order Total")
_LOCAL_TOTALS = {
    "MwSt": ("Summe", "SUMME", "Gesamt", "Zu zahlen"), "TVA": ("TOTAL", "Total TTC", "Net à payer"),
    "IVA": ("TOTAL", "Total", "Importe"), "BTW": ("Totaal", "TOTAAL", "Te betalen"),
}  # fmt: skip
_SUBTOTALS = ("Sub Total", "SUBTOTAL", "Sub-Total", "Subtotal", "SUB TOTAL")
_ROUNDINGS = ("Rounding", "Rounding Adj", "ROUNDING", "Round Adj", "Rounding Adjustment", "ROUND")
_CHANGE = {"MwSt": "Rückgeld", "TVA": "Rendu", "BTW": "Terug", "IVA": "Cambio"}
_SUMMARY_HEADS = (
    ("GST Summary", "Amount(RM)", "Tax(RM)"), ("GST SUMMARY", "AMOUNT", "TAX"), ("Tax Code", "Amt (RM)", "Tax (RM)"),
    ("GST Analysis", "Goods", "Tax Amount"),
)  # fmt: skip


def print_totals(till: Till) -> str:
    """Print everything from the subtotal to the change and return the total as printed."""
    rng, sheet = till.rng, till.sheet
    left = rng.choice((0.0, 0.0, 0.0, sheet.width * 0.25, sheet.width * 0.38))
    if rng.random() < 0.25:
        _print_counts(till)
    _print_sums(till, left)
    if rng.random() < 0.25:
        sheet.print_rule(till.rule_character)
    total = _print_total(till, left)
    if rng.random() < 0.25:
        sheet.print_rule(till.rule_character)
    _print_payment(till, left)
    return total


def _print_counts(till: Till) -> None:
    items = till.content.purchase.items
    count = f"{till.rng.choice(('Item(s)', 'Total Item', 'ITEMS'))} : {len(items)}"
    quantity = f"{till.rng.choice(('Qty(s)', 'Total Qty', 'QTY'))} : {sum(item.quantity for item in items)}"
    till.sheet.print_row([(count, 0, "left"), (quantity, till.sheet.width, "right")])


def _print_sums(till: Till, left: float) -> None:
    """Print everything between the items and the total."""
    rng, purchase, tax = till.rng, till.content.purchase, till.content.country.tax_name
    on_top = purchase.tax > 0 and not purchase.tax_included
    if rng.random() < 0.7 or purchase.service or on_top:
        till.print_amount(rng.choice(_SUBTOTALS), purchase.subtotal, left=left)
    if purchase.service:
        percent = round(100 * purchase.service / purchase.subtotal)
        label = rng.choice(("Service Charge", f"Serv. Charge ({percent}%)", "SVC CHG"))
        till.print_amount(label, purchase.service, left=left)
    if on_top:
        label = rng.choice((f"{tax} {till.rate}", f"{tax} @ {till.rate}", f"{tax} ({till.rate})", f"Add {tax}"))
        till.print_amount(label, purchase.tax, left=left)
    elif purchase.tax and rng.random() < 0.4:
        till.print_amount(rng.choice((f"Total Excl. {tax}", f"Net {tax} excl.")), purchase.net, left=left)
        till.print_amount(rng.choice((f"Total {tax}", f"{tax} incl.")), purchase.tax, left=left)
    if purchase.tip:
        till.print_amount(rng.choice(("Tip", "Gratuity")), purchase.tip, left=left)
    if till.content.country.name == "MY" and (purchase.rounding or rng.random() < 0.45):
        till.print_amount(rng.choice(_ROUNDINGS), purchase.rounding, left=left)


def _print_total(till: Till, left: float) -> str:
    rng, country = till.rng, till.content.country
    malaysian = country.name == "MY"
    label = rng.choice(_MY_TOTALS if malaysian else _LOCAL_TOTALS.get(country.tax_name, _TOTALS))
    if not till.attached_symbol and not till.column_symbol and rng.random() < (0.3 if malaysian else 0.15):
        label = f"{label} ({country.symbol})" if malaysian else f"{label} {country.symbol}"
    emphasis = rng.random()
    style = till.big_style if emphasis < 0.3 else till.strong_style if emphasis < 0.7 else PLAIN
    return till.print_amount(label, till.content.purchase.total, style, left=left if style == PLAIN else 0.0)


def _print_payment(till: Till, left: float) -> None:
    rng, purchase = till.rng, till.content.purchase
    if rng.random() < 0.88:
        till.print_amount(purchase.method, purchase.tendered, left=left)
    if (purchase.change or rng.random() < 0.6) and rng.random() < 0.9:
        word = _CHANGE.get(till.content.country.tax_name, "Change")
        till.print_amount(
            rng.choice((word, word.upper(), "Change Due" if word == "Change" else word)), purchase.change, left=left
        )


def print_tax_summary(till: Till) -> None:
    """Print the table of tax codes at the end of Malaysian receipts."""
    sheet, rng, content = till.sheet, till.rng, till.content
    till.leave_gap(0.5)
    places = (0.0, sheet.width * rng.uniform(0.58, 0.68), sheet.width)
    code = rng.choice(("SR @ {0}", "S = {0}", "SR {0}", "GST S@{0}", "SR", "SR = GST @{0}", "SR   (@ {0})")).format(
        till.rate
    )
    numbers = (content.format_amount(content.purchase.net), content.format_amount(content.purchase.tax))
    rows = [rng.choice(_SUMMARY_HEADS), (code, *numbers)]
    if rng.random() < 0.3:
        rows.append(("Total", *numbers))
    for first, second, third in rows:
        sheet.print_row([(first, places[0], "left"), (second, places[1], "right"), (third, places[2], "right")])


def print_footer(till: Till) -> None:
    """Print thanks and conditions, and sometimes a bar code."""
    sheet, rng = till.sheet, till.rng
    till.leave_gap(0.4)
    sheet.advance(rng.choice((0, 0.4, 1)))
    for text in till.content.footer:
        sheet.print_line(text, "middle", till.strong_style if rng.random() < 0.2 else PLAIN)
        if rng.random() < 0.15:
            sheet.advance(0.5)
    kind = rng.random()
    if kind < 0.12:
        sheet.advance(0.4)
        sheet.draw_graphic("bars", sheet.width * rng.uniform(0.4, 0.8), sheet.face.size * rng.uniform(2, 3.5))
        sheet.advance(0.1)
        sheet.print_line("".join(rng.choices("0123456789", k=12)))
    elif kind < 0.17:
        sheet.draw_graphic("code", sheet.width * 0.3, sheet.width * 0.3)
