"""A launcher that does not watch its lifeline itself, such as torchrun, which waits for other nodes for minutes.

python -m o1exp.flow.watched MODULE WORD ... is python -m MODULE WORD ..., and ends with the run that started it.
"""

import runpy
import sys

from o1exp.flow.process import die_with_parent_and_children

if __name__ == "__main__":
    die_with_parent_and_children()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
