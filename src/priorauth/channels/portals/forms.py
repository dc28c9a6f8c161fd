"""Forms of any portal that labels its fields: what is put into them, and what they ask though nobody told."""

import re
from functools import partial
from typing import TypedDict

from playwright.async_api import Frame, Page

from priorauth.channels.portals.pages import choose, portal_faults, require_field
from priorauth.channels.portals.wording import DISCOVERED, Entry
from priorauth.domain.catalog import Widget
from priorauth.domain.questionnaires import Item, ItemType, Option

_TYPES = {"date": ItemType.DATE, "textarea": ItemType.TEXT, "select": ItemType.CHOICE, "radio": ItemType.CHOICE}


class _Control(TypedDict):
    """One required control of the page, with the label that a person sees."""

    label: str
    kind: str
    step: str
    options: list[tuple[str, str]]


_SCRIPT = """() => {
    const text = node => node?.textContent.trim() ?? '';
    const label = control => text(document.querySelector(`label[for="${CSS.escape(control.id)}"]`));
    const controls = [...document.querySelectorAll('form [required]:not([type=radio])')]
        // What the page itself does not show is not asked.
        .filter(control => control.checkVisibility())
        .map(control => ({
            label: label(control), kind: control.tagName === 'INPUT' ? control.type : control.tagName.toLowerCase(),
            step: control.step || '',
            options: [...(control.options ?? [])].filter(each => each.value).map(each => [each.value, text(each)]),
        }));
    const groups = [...document.querySelectorAll('form fieldset')]
        .filter(group => group.checkVisibility() && group.querySelector('input[type=radio][required]'))
        .map(group => ({
            label: text(group.querySelector('legend')), kind: 'radio', step: '',
            options: [...group.querySelectorAll('input[type=radio]')].map(each => [each.value, label(each)]),
        }));
    return [...controls, ...groups];
}"""


async def enter(page: Page | Frame, entries: tuple[Entry, ...]) -> None:
    """Put each entry into its field; what the portal itself once asked, and now does not, is left out."""
    async with portal_faults():
        for entry in entries:
            radio = entry.widget is Widget.RADIO
            group = page.get_by_role("group", name=entry.label, exact=True)
            field = group if radio else page.get_by_label(entry.label, exact=True)
            if entry.is_discovered and not await field.count():
                continue
            # What the portal asked by itself may name a patient, and the fault is logged.
            name = "a question of its own" if entry.is_discovered else entry.label
            await require_field(field, name)
            if radio:
                await choose(field.get_by_label(entry.entered, exact=True).check, name)
            elif entry.widget is Widget.SELECT:
                await choose(partial(field.select_option, label=entry.entered), name)
            else:
                await field.fill(entry.entered)


async def unknown_questions(page: Page | Frame, *, known: frozenset[str]) -> tuple[Item, ...]:
    """Return what a page, or a frame of it, requires under labels that are not among `known`. Raises ChannelFault."""
    async with portal_faults():
        controls: list[_Control] = await page.evaluate(_SCRIPT)
    return tuple(_item(control) for control in controls if control["label"] and control["label"] not in known)


def _item(control: _Control) -> Item:
    link_id = DISCOVERED + re.sub(r"[^a-z0-9]+", "-", control["label"].lower()).strip("-")
    if control["kind"] == "radio" and sorted(text for _, text in control["options"]) == ["No", "Yes"]:
        return Item(link_id=link_id, text=control["label"], type=ItemType.BOOLEAN, required=True)
    number = ItemType.INTEGER if control["step"] in ("", "1") else ItemType.DECIMAL
    kind = number if control["kind"] == "number" else _TYPES.get(control["kind"], ItemType.STRING)
    options = tuple(Option(code, display) for code, display in control["options"]) if kind is ItemType.CHOICE else ()
    return Item(link_id=link_id, text=control["label"], type=kind, required=True, options=options)
