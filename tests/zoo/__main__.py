import json, sys, time
from dataclasses import asdict
from tests.zoo.models import architectures
from tests.zoo.run import rows
if __name__ == "__main__":
    names = sys.argv[1:] or list(architectures())
    for name in names:
        t=time.time()
        (row,) = rows([name])
        print(json.dumps({**asdict(row), "s": round(time.time()-t,1)}), flush=True)
