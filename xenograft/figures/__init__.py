"""Tables in, matplotlib out; knows a Study and nothing that was computed from a fit."""
