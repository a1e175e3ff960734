# The workflow with all that it needs, for containers and for clusters that run their jobs in one:
#
#   docker build --tag bes .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" bes bes run --cores 2
#
# The photographs have to lie below the folder that is mounted, or in another --volume.
FROM python:3.12-slim

# Of PyTorch's builds pip takes the one of the index that it is told of: one with CUDA by itself; with
# --build-arg PIP_EXTRA_INDEX_URL=... one without CUDA, a tenth of the size, or for another CUDA.
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# First what rarely changes, so that an edit of the package does not download all of it again.
WORKDIR /source
COPY constraints.txt pyproject.toml setup.py README.md LICENSE ./
COPY bes/__init__.py bes/
RUN mkdir workflow config profiles envs && pip install --constraint constraints.txt . \
    snakemake-executor-plugin-slurm && pip uninstall --yes bes-segmentation
COPY . .
RUN pip install --no-deps . && rm -rf /source

# Any user may run it: caches of Snakemake, PyTorch and numba go to the home of nobody in particular,
# and a number that has no name is no error of Snakemake.
ENV HOME=/tmp USER=bes
WORKDIR /work
CMD ["bes", "--help"]
