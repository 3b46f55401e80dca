"""Colours of the screen: what each role looks like, on a dark and on a light ground. [any]

The screen paints its own ground, so that it reads the same on every terminal. Nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style

GROUNDS = {"dark": "#10141a", "light": "#fbfaf7"}

_DARK = {
    "text": "#d7dde5",
    "dim": "#8a97a6",
    "track": "#46525f",
    "head": "#9fd0ff",
    "strong": "#ffffff",
    "good": "#6cd391",
    "warn": "#f2b65c",
    "bad": "#ff8585",
    "knob": "#6fb6f2",
    "lamp": "#ffd75f",
}
_LIGHT = {
    "text": "#232a33",
    "dim": "#5b6672",
    "track": "#b4bcc4",
    "head": "#00568f",
    "strong": "#000000",
    "good": "#1c7a3d",
    "warn": "#8a5600",
    "bad": "#b3202b",
    "knob": "#1f6fb5",
    "lamp": "#9a4d00",
}
_PARTS = {
    "chunk": "#9db8d9",
    "compute": "#f0b878",
    "margin": "#c9c2b2",
    "lead": "#9fd3a4",
    "codec": "#d3a8dc",
    "device": "#e8a3a3",
    "other": "#c9c2b2",
}
"""Grounds of the parts of the latency bar; what is written on them is black in either theme."""

_FAINT = {"dark": "#a9bccd", "light": "#4a5561"}
"""What stands in the prompt's line before anything is typed."""

ROLES = (*_DARK, "title", "alarm", "chosen", *(f"part.{name}" for name in _PARTS))


def colours(theme: str) -> dict[str, tuple[str, str]]:
    """Return foreground and ground of each role: `#rrggbb`. [any]"""
    ground = GROUNDS[theme]
    own = _DARK if theme == "dark" else _LIGHT
    found = {role: (colour, ground) for role, colour in own.items()}
    found["title"] = ("#ffffff", "#24384d") if theme == "dark" else ("#ffffff", "#1f4e79")
    found["chosen"] = ("#ffffff", "#2c4a66") if theme == "dark" else ("#000000", "#cfe3f5")
    found["alarm"] = ("#ffffff", "#a3161f")
    found |= {f"part.{name}": ("#10141a", colour) for name, colour in _PARTS.items()}
    return found


def styles(theme: str) -> Mapping[str, Style]:
    """Return each role as Rich draws it. [any]"""
    bold = ("strong", "title", "alarm", "head", "chosen", "lamp")
    return {
        role: Style(color=front, bgcolor=ground, bold=role in bold) for role, (front, ground) in colours(theme).items()
    }


def prompt_css() -> str:
    """Return how the line looks in which prompts are typed, in both themes, as Textual reads it. [any]"""
    rules = ""
    for theme, bar in (("dark", "PromptBar"), ("light", "PromptBar.light")):
        own = colours(theme)
        front, ground = own["chosen"]
        rules += (
            f"{bar} {{ background: {ground}; }}"
            f"{bar} > .name {{ background: {ground}; color: {front}; text-style: bold; }}"
            f"{bar} > .hint {{ background: {ground}; color: {front}; }}"
            f"{bar} > PromptInput, {bar} > PromptInput:focus {{"
            f" background: {ground}; background-tint: {ground} 0%; color: {front}; }}"
            f"{bar} > PromptInput > .input--cursor {{ background: {front}; color: {ground}; text-style: none; }}"
            f"{bar} > PromptInput > .input--placeholder {{ color: {_FAINT[theme]}; }}"
        )
    return rules


def contrast(front: str, ground: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2.2 defines it. [any]"""
    lights = sorted((_luminance(front), _luminance(ground)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def theme_of(environment: Mapping[str, str]) -> str:
    """Return the theme to begin with: light where COLORFGBG says that the terminal's ground is. [any]"""
    ground = environment.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if ground in ("7", "15") else "dark"
