# NVIDIA's Triton with ONNX Runtime for its Python backend (Python 3.12): what the CPU profile's `experts` model imports.
FROM nvcr.io/nvidia/tritonserver:26.07-py3

COPY requirements/triton-cpu.txt /opt/minhos/triton-cpu.txt
RUN pip install --no-cache-dir --break-system-packages --require-hashes --requirement /opt/minhos/triton-cpu.txt
