"""Names of people who do not exist, and words from which their details are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Nation:
    """Where a contact may be from: ISO codes, dialling code, and names as they are written there."""

    country: str
    language: str
    prefix: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


def _nation(country: str, language: str, prefix: str, first: str, last: str) -> Nation:
    return Nation(country, language, prefix, tuple(first.split()), tuple(last.split()))


# ruff: noqa: RUF001 - names are written in their own scripts
NATIONS: Final = (
    _nation(
        "DE",
        "de",
        "+4915",
        "Anna Jonas Mia Felix Clara Paul Greta Lukas Frieda Moritz Ida Hannes Käthe Jörg",
        "Becker Wolf Schäfer Krüger Vogt Lindner Böhm Hartmann Seidel Winkler Brandt Kühn",
    ),
    _nation(
        "GB",
        "en",
        "+4474",
        "Amelia Oliver Isla George Poppy Harry Freya Alfie Niamh Rhys",
        "Walker Hughes Bennett O'Brien Clarke Whitfield Marsh Doyle Fletcher Reid",
    ),
    _nation(
        "FR",
        "fr",
        "+336",
        "Camille Hugo Léa Théo Manon Jules Chloé Élodie Noé Anaïs",
        "Lefèvre Moreau Girard Fournier Chevalier Besson Rousseau Dupuis Gauthier",
    ),
    _nation(
        "ES",
        "es",
        "+346",
        "Lucía Martín Sofía Pablo Irene Álvaro Nuria Iker Begoña",
        "García Romero Navarro Iglesias Vidal Núñez Peña Ibáñez",
    ),
    _nation(
        "PL",
        "pl",
        "+485",
        "Zofia Łukasz Hanna Wojciech Małgorzata Kacper Agnieszka Michał",
        "Kowalska Nowak Zieliński Wójcik Szymańska Dąbrowski Król",
    ),
    _nation(
        "TR",
        "tr",
        "+905",
        "Elif Emre Zeynep Yiğit Ayşe Çağlar Gülşah Ömer",
        "Yılmaz Demir Şahin Öztürk Çelik Aydın Kılıç",
    ),
    _nation(
        "NL", "nl", "+316", "Sanne Daan Fleur Bram Lotte Sven Maud Thijs", "Visser Bakker Mulder Dekker Smit"
    ),
    _nation("JP", "ja", "+8190", "美咲 翔太 さくら 健一 陽菜 大輔", "佐藤 鈴木 高橋 田中 渡辺"),
    _nation(
        "GR", "el", "+3069", "Ελένη Γιώργος Μαρία Νίκος Κατερίνα", "Παπαδόπουλος Νικολάου Γεωργίου Δήμου"
    ),
    _nation("EG", "ar", "+2010", "ليلى محمد سارة يوسف نور", "حسن إبراهيم منصور سالم"),
)
WEIGHTS: Final = (34, 18, 10, 8, 8, 8, 6, 3, 3, 2)
"""How many of a hundred contacts come from each nation."""

MAIL_HOSTS: Final = ("example.com", "example.org", "example.net", "mail.example.com")

PLANS: Final = ("Free", "Service pass", "Service pass plus", "Fleet")

BIKES: Final = ("Harbour 7", "Longtail", "Fieldway", "Featherlight")
"""What the demo shop sells."""
