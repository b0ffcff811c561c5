"""The embedded tasks: correct labels, no easy way out, the same text for the same seed everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from stabbench.tasks import embedded
from stabbench.tasks.embedded.draws import Draws, split_of
from stabbench.tasks.embedded.grammar import Clause, NounPhrase, sentence
from stabbench.tasks.embedded.lexicon import SYNONYM
from stabbench.tasks.embedded.recognition import is_sentence
from stabbench.tasks.embedded.rewriting import alternatives, other_universal, other_voice, swapped_roles

DOG = NounPhrase("the", ("small",), "dog", False)
CATS = NounPhrase("these", (), "cat", True)


def digest_of_everything() -> str:
    parts = [str(embedded.generate(name, split, 40, 3)) for name in embedded.NAMES for split in ("train", "dev")]
    parts += [str(embedded.corpus(40, 3)), str(embedded.corpus_pairs(20, 3)), str(embedded.vocabulary())]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


@pytest.mark.parametrize("name", embedded.NAMES)
def test_a_smaller_size_gives_the_first_examples_of_a_larger_one(name: str) -> None:
    assert embedded.generate(name, "train", 30, 5) == embedded.generate(name, "train", 90, 5)[:30]


@pytest.mark.parametrize("name", embedded.NAMES)
def test_examples_differ_from_each_other_and_between_seeds(name: str) -> None:
    examples = embedded.generate(name, "train", 400, 5)
    assert len(set(examples)) == 400
    assert len(set(examples) & set(embedded.generate(name, "train", 400, 6))) < 20


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_generation_does_not_depend_on_the_hash_seed_of_the_process(hash_seed: str) -> None:
    code = "import test_embedded; print(test_embedded.digest_of_everything())"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest_of_everything()


def test_no_text_of_one_split_is_in_the_other_whatever_the_seed() -> None:
    texts: dict[str, set[str]] = {"train": set(), "dev": set()}
    for split in ("train", "dev"):
        for name in embedded.NAMES:
            for example in embedded.generate(name, split, 300, 1 if split == "train" else 2):
                texts[split] |= {text for text in (example.text_a, example.text_b) if text is not None}
        lines = embedded.corpus(2000, 4, split)
        texts[split] |= {f"{part.strip()} ." for line in lines for part in line.split(" .") if part.strip()}
        texts[split] |= {text for pair in embedded.corpus_pairs(200, 4, split) for text in pair}
    assert not texts["train"] & texts["dev"]
    assert all(split_of(text) == split for split in ("train", "dev") for text in texts[split])


def test_the_corpus_holds_every_word_and_no_other_and_only_correct_sentences() -> None:
    lines = embedded.corpus(2500, 0)
    assert sorted({word for line in lines for word in line.split()}) == embedded.vocabulary()
    sentences = [f"{part.strip()} ." for line in lines for part in line.split(" .") if part.strip()]
    assert len(sentences) > 3000
    assert all(is_sentence(text.split()) for text in sentences)
    assert 100 <= len(embedded.vocabulary()) <= 250


def test_acceptability_labels_are_those_that_the_recogniser_gives() -> None:
    for example in embedded.generate("acceptability", "train", 500, 0):
        assert is_sentence(example.text_a.split()) == bool(example.label), example


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("the dog sleeps .", True),
        ("the dog sleep .", False),
        ("the dogs sleep .", True),
        ("the dog behind the cats sleeps .", True),
        ("the dog behind the cats sleep .", False),
        ("the dog that the cats chase sleeps .", True),
        ("the dog that the cats chases sleeps .", False),
        ("the dog above the cats that jump sleeps .", True),
        ("the dog above the cats that jumps sleeps .", True),
        ("the dog above the cat that jump sleeps .", False),
        ("often , no dog is chased by these cats .", True),
        ("the dog are not chased by these cats .", False),
        ("the dogs do not often sleep .", True),
        ("the dogs do not often sleeps .", False),
        ("every dog sleeps and all cats jump .", True),
        ("every dogs sleep .", False),
        ("dog the sleeps .", False),
        ("the dog sleeps", False),
        ("the dog chases .", False),
    ],
)
def test_the_recogniser_knows_agreement_and_order(text: str, accepted: bool) -> None:
    assert is_sentence(text.split()) == accepted


def test_pairs_are_two_correct_and_different_sentences() -> None:
    for name in ("paraphrase", "entailment"):
        for example in embedded.generate(name, "dev", 300, 0):
            assert example.text_b is not None
            assert example.text_a != example.text_b
            assert is_sentence(example.text_a.split())
            assert is_sentence(example.text_b.split())


@pytest.mark.parametrize(("name", "share"), [("acceptability", 0.65), ("paraphrase", 0.68), ("entailment", 0.5)])
def test_labels_have_the_shares_of_the_task(name: str, share: float) -> None:
    labels = [example.label for example in embedded.generate(name, "train", 1000, 7)]
    assert abs(np.mean(labels) - share) < 4 * np.sqrt(share * (1 - share) / 1000)


def test_words_and_length_alone_do_not_tell_acceptability() -> None:
    train, dev = (embedded.generate("acceptability", split, 1500, 1) for split in ("train", "dev"))
    vectorizer = CountVectorizer(token_pattern=r"\S+").fit(example.text_a for example in train)
    model = LogisticRegression(max_iter=2000).fit(
        vectorizer.transform(example.text_a for example in train), [example.label for example in train]
    )
    predicted = model.predict(vectorizer.transform(example.text_a for example in dev))
    assert abs(matthews_corrcoef([example.label for example in dev], predicted)) < 0.08
    lengths = {label: [len(e.text_a.split()) for e in train if e.label == label] for label in (0, 1)}
    assert abs(np.mean(lengths[0]) - np.mean(lengths[1])) < 0.6


@pytest.mark.parametrize("name", ["paraphrase", "entailment"])
def test_the_words_of_one_sentence_of_a_pair_say_little_about_the_label(name: str) -> None:
    train, dev = (embedded.generate(name, split, 1000, 1) for split in ("train", "dev"))
    for side in ("text_a", "text_b"):
        vectorizer = CountVectorizer(token_pattern=r"\S+").fit(getattr(example, side) for example in train)
        model = LogisticRegression(max_iter=2000, C=0.1).fit(
            vectorizer.transform(getattr(example, side) for example in train), [example.label for example in train]
        )
        predicted = model.predict(vectorizer.transform(getattr(example, side) for example in dev))
        assert matthews_corrcoef([example.label for example in dev], predicted) < 0.35


def test_the_voice_changes_the_words_and_swapped_roles_change_who_acts() -> None:
    clause = Clause(DOG, "chase", CATS)
    draws = Draws(0, "test")
    passive, swapped = other_voice(clause, draws), swapped_roles(clause, draws)
    assert passive is not None
    assert swapped is not None
    assert sentence(clause) == "the small dog chases these cats ."
    assert sentence(passive) == "these cats are chased by the small dog ."
    assert other_voice(passive, draws) == clause
    assert sentence(swapped) == "these cats chase the small dog ."


def test_every_becomes_all_with_a_plural_verb() -> None:
    clause = Clause(NounPhrase("every", (), "dog", False), "sleep", negated=False)
    rewritten = other_universal(clause, Draws(0, "test"))
    assert rewritten is not None
    assert sentence(rewritten) == "all dogs sleep ."


def test_what_stands_in_for_a_word_is_never_its_synonym_hypernym_or_hyponym() -> None:
    assert "hound" not in alternatives("noun", "dog")
    assert "animal" not in alternatives("noun", "dog")
    assert "dog" not in alternatives("noun", "animal")
    assert "cat" in alternatives("noun", "dog")
    assert all(other not in alternatives("verb", verb) for verb, other in SYNONYM.items() if verb in ("chase", "sleep"))


def test_an_unknown_task_is_an_error() -> None:
    with pytest.raises(ValueError, match="no embedded task is named 'spelling'"):
        embedded.generate("spelling", "train", 1)
