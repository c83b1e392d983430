#!/usr/bin/env bash
# Shows what cnnc is for: fetches a trained network, compiles it to one executable and runs that on a picture. Then a
# network that is written in C++ learns, and becomes an executable too.
# The first call installs, builds and fetches; later ones take seconds and need no network.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/progress.sh

# The text-direction classifier of PaddleOCR, as this package carries it.
package=rapidocr-onnxruntime==1.4.4
file=rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx
sha256=e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c
demo=.cache/demo

build() {
  cmake -S . -B build -G Ninja --log-level=WARNING > /dev/null
  cmake --build build -j "$(nproc)" --target cnnc cnnc_runtime cnnc_main cnnc_dnnl train_mnist linear_models
}

fetch_model() {
  .deps/bin/pip download --disable-pip-version-check -q --no-deps -d "$demo/package" "$package"
  .deps/bin/python -m zipfile -e "$demo"/package/*.whl "$demo/unpacked"
  echo "$sha256  $demo/unpacked/$file" | sha256sum --check --quiet
  mv "$demo/unpacked/$file" "$demo/model.onnx"
  rm -rf "$demo/package" "$demo/unpacked"
}

fetch_pillow() {
  .deps/bin/pip install --disable-pip-version-check -q --no-deps --target "$demo/python.new" pillow==11.3.0
  mv "$demo/python.new" "$demo/python"
}

# look NAME: runs the executable on a picture and says what it sees.
look() {
  local name=$1 output time scores
  output=$("$demo/text_direction" --inputs "x=$demo/$name.npy" --threads 1 2> "$demo/time")
  time=$(grep -o '[0-9.]* ms' "$demo/time")
  scores=${output##*= }
  awk -v name="$name" -v scores="$scores" -v time="$time" 'BEGIN {
    split(scores, p, ", ")
    seen = p[1] > p[2] ? "upright" : "upside down"
    printf "   %s.png: the text is %s (%.1f %% sure), in %s\n", name, seen, 100 * (p[1] > p[2] ? p[1] : p[2]), time
  }'
}

# Where MNIST's files, or others of their form, lie on this machine.
find_images() {
  local folder
  for folder in data/mnist ../shared/data/mnist /usr/share/datasets/fashion-mnist; do
    if compgen -G "$folder/train-images*" > /dev/null; then realpath "$folder" && return; fi
  done
}

# Trains a network of examples/: on images where there are some, else on points that it makes itself.
learn() {
  local images program
  images=$(find_images)
  program=$PWD/build/bin/linear_models
  [ -z "$images" ] || program="$PWD/build/bin/train_mnist --data $images --epochs 2"
  say "a network written in C++ learns: $(basename "${program%% *}").cpp in examples/"
  (cd "$demo" && $program)
}

tools/setup.sh
step "building build/bin/cnnc (some minutes the first time)" build
mkdir -p "$demo"
[ -f "$demo/model.onnx" ] || step "fetching a trained network: $package" fetch_model
[ -d "$demo/python" ] || step "fetching pillow, which draws the pictures" fetch_pillow
PYTHONPATH=$demo/python step "drawing two pictures" .deps/bin/python tools/demo_pictures.py "$demo"
step "compiling the network to an executable that needs no library" \
  build/bin/cnnc compile "$demo/model.onnx" --shape x=1x3x48x192 --kernels=llvm --static -o "$demo/text_direction"
say "$demo/text_direction: $(($(stat -c %s "$demo/text_direction") / 1000)) kB. It looks at the pictures:"
look upright
look rotated
learn
say "done: try $demo/text_direction --help, or write a network of your own: docs/dsl.md"
