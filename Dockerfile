# m2fp as an image: the service by default, every other command by name. docs/service.md says how to run it.
#
#   docker build -t m2fp .
#   docker run -p 127.0.0.1:5000:5000 --read-only --tmpfs /tmp m2fp serve --host 0.0.0.0 --no-token
#   docker run -v "$PWD:/work" --user "$(id -u):$(id -g)" m2fp parse photos -o results --model starter
#
# The bundled model is in it; the published weights are not, because their license is not ours to pass on. They are fetched
# into /models when they are asked for.

ARG BASE=debian:12-slim

FROM ${BASE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv gcc libc6-dev binutils \
  && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/m2fp/bin:/usr/bin:/bin
RUN python3 -m venv /opt/m2fp
# A mirror of the package index, or the certificates of a proxy: --build-arg, and --volume for a file.
ARG PIP_INDEX_URL
ARG PIP_CERT

# PyTorch's own index has wheels without CUDA. Where it cannot be reached, the usual wheel comes and slim_torch.py takes CUDA
# out of it. --no-deps: torch needs typing_extensions alone, and the usual wheel would fetch 1.4 GB of NVIDIA's libraries.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY pyproject.toml setup/slim_torch.py /src/
RUN version="$(sed -n 's/.*"torch==\([0-9.]*\)".*/\1/p' /src/pyproject.toml)" \
  && pip install typing-extensions \
  && { pip install --no-deps --retries 1 --timeout 20 --index-url "$TORCH_INDEX" "torch==$version+cpu" \
       || pip install --no-deps "torch==$version"; } \
  && python3 /src/slim_torch.py

COPY README.md LICENSE /src/
COPY accessories /src/accessories
COPY m2fp_cli /src/m2fp_cli
# opencv-python links libraries of a desktop; its headless build is the same code without windows.
RUN pip install '/src[serve,cloud]' \
  && version="$(python3 -c 'from importlib.metadata import version; print(version("opencv-python"))')" \
  && pip uninstall -y opencv-python \
  && pip install --no-deps "opencv-python-headless==$version" \
  && pip uninstall -y pip setuptools \
  && find /opt/m2fp/lib -type d -name tests -not -path '*/numpy/*' -prune -exec rm -rf {} +
# The inner loops for the CPU that builds; another kind of CPU compiles its own when the container starts.
RUN python3 -m m2fp_cli.engine.precompile

FROM ${BASE}
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates python3 \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir /models /work && chown 10001:10001 /models
COPY --from=build /opt/m2fp /opt/m2fp
ENV PATH=/opt/m2fp/bin:/usr/local/bin:/usr/bin:/bin \
  HOME=/tmp \
  MODELSCOPE_CACHE=/models \
  M2FP_MODEL=starter \
  PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /work
VOLUME /models
EXPOSE 5000
# Without the proxy that Docker may put into the environment: it knows no 127.0.0.1 of ours.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["python3", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:5000/readyz', timeout=4)"]
ENTRYPOINT ["m2fp"]
CMD ["serve", "--host", "0.0.0.0"]
