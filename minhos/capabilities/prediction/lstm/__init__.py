"""The LSTM: its network, its data pipeline, its trainer and ONNX export.

TensorFlow and Keras are imported inside functions (15 s). Imported by ``prediction.api`` only.
"""
