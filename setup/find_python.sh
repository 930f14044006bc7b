#!/usr/bin/env bash
# Print the path of a CPython that set-up can use: 3.10 if there is one (only there the reference engine can be installed),
# else 3.11. A name proves nothing (a pyenv shim may refuse to run), so every candidate is started.
# M2FP_PYTHON=/path/to/python takes that one and no other.
set -u
home=${HOME:-$(echo ~)}

probe='
import os, sys
if sys.implementation.name != "cpython" or "%d.%d" % sys.version_info[:2] not in sys.argv[1:]:
    sys.exit(1)
import bz2, ctypes, lzma, ssl, zlib  # a Python built without these libraries cannot run torch and its company
path = sys.executable
if sys.prefix != sys.base_prefix:  # an environment that happens to be active: take the Python below it
    path = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
print(path)
'

candidates() {
  local version=$1
  type -ap "python$version" python3 python
  ls -d \
    "${PYENV_ROOT:-$home/.pyenv}"/versions/"$version"*/bin/python \
    "$(pyenv root 2>/dev/null)"/versions/"$version"*/bin/python \
    "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$home/.local/share}/uv/python}"/cpython-"$version"*/bin/python3 \
    "$home"/.local/share/mise/installs/python/"$version"*/bin/python \
    "$home"/.asdf/installs/python/"$version"*/bin/python \
    /usr/local/bin/python"$version" \
    2>/dev/null
}

if [ -n "${M2FP_PYTHON:-}" ]; then
  "$M2FP_PYTHON" -I -c "$probe" 3.10 3.11 2>/dev/null && exit 0
  echo "M2FP_PYTHON=$M2FP_PYTHON is no complete CPython 3.10 or 3.11 that starts: name another, or leave it out." >&2
  exit 1
fi

for version in 3.10 3.11; do
  while IFS= read -r candidate; do
    "$candidate" -I -c "$probe" "$version" 2>/dev/null && exit 0
  done < <(candidates "$version")
done
echo "m2fp needs CPython 3.10 (best: the reference engine runs only there) or 3.11, and none that starts was found:" \
  "install one, say with 'apt-get install python3.11' or 'pyenv install 3.10', or name it with M2FP_PYTHON=/path/to/python." >&2
exit 1
