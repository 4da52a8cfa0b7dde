"""The mark that ends a thought is the same for those who teach it and those who look for it."""

import pytest

from o1exp.config.compose import composed, study_of
from o1exp.config.error import ConfigError


def test_a_benchmark_that_looks_for_another_mark_is_refused() -> None:
    words = ['thought.think_open="<Thought>"', 'thought.think_close="</Thought>"']
    with pytest.raises(ConfigError) as wrong:
        study_of(composed(words), words)
    assert wrong.value.mistakes == [
        "bench.arithmetic.think_end=</think>: the thoughts are taught to end in </Thought> (thought.think_close); set both alike"
    ]
    words.append('bench.arithmetic.think_end="</Thought>"')
    assert study_of(composed(words), words).wanted
    none = ['thought.think_open=""', 'thought.think_close=" "']
    assert study_of(composed(none), none).wanted
