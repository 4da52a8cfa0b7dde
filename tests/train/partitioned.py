"""A model loaded under ZeRO-3 on one CPU rank: are tensors as always where kernels are checked, and are norms and MLPs swapped?

python -m tests.train.partitioned, with DS_ACCELERATOR=cpu; prints a JSON line.
"""

import json

import torch

from o1exp.train.worker.accelerator import as_in_training, import_deepspeed


def main() -> None:
    import_deepspeed()
    import deepspeed
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from o1exp.train.worker.fuse import chosen, fuse

    group = torch.distributed.HashStore()  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=group, rank=0, world_size=1)
    deepspeed.init_distributed("gloo", auto_mpi_discovery=False, verbose=False)
    torch.compile = lambda function, dynamic: function  # type: ignore[assignment]
    config = Qwen2Config(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
    )
    asked = {"train_micro_batch_size_per_gpu": 1, "bf16": {"enabled": True}, "zero_optimization": {"stage": 3}}
    with deepspeed.zero.Init(config_dict_or_path=asked):
        model = Qwen2ForCausalLM(config)
        turned = str(torch.empty(3, dtype=torch.float32).dtype)
        with as_in_training(partitioned=True):
            kept = str(torch.empty(3, dtype=torch.float32).dtype)
            (kernels,) = chosen("compile")
            swapped = fuse(model, kernels(), partitioned=True)
        again = str(torch.empty(3, dtype=torch.float32).dtype)
    split = all(parameter.numel() == 0 for parameter in model.parameters())
    print(json.dumps({"turned": turned, "kept": kept, "again": again, "swapped": swapped, "split": split}))


if __name__ == "__main__":
    main()
