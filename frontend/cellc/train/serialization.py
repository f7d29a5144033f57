"""`save_checkpoint`, `load_checkpoint`, `load_param_into_net`, `export` and `load`, where MindSpore has them."""

from cellc.cellir import export as export
from cellc.cellir import load as load
from cellc.checkpoint import load_checkpoint as load_checkpoint
from cellc.checkpoint import load_param_into_net as load_param_into_net
from cellc.checkpoint import save_checkpoint as save_checkpoint
