#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Trains a package of classic networks and exports it, all by one command:
#
#   build.sh PACKAGE FOLDER [MINUTES]
#
# FOLDER holds photographs, or the LFW sheets for nr-dcgan-faces, nr-upscale-faces and nr-autoencoder-faces (README.md).
# MINUTES is the length of each training run; without it, each takes its config's steps.  The finished package lies in
# runs/PACKAGE beside this script; `neural-restore models add runs/PACKAGE` makes the program use it.  Started again, it
# goes on where it was stopped.

set -euo pipefail
[ $# -ge 2 ] || { sed -n '3,12s/^# \?//p' "$0" >&2; exit 2; }
package=$1 folder=$(realpath -- "$2") minutes=${3:-0}
cd -- "$(dirname -- "$0")"
out=runs/$package
source=pictures

# run CONFIG [FROM]: trains runs/CONFIG, from the weights of runs/FROM.
run () {
  ./train.py "configs/$1.json" "--$source" "$folder" --out "runs/$1" --minutes "$minutes" ${2:+--init "runs/$2/average.pt"}
}

# resolvers CONFIG SCALE...: one network a scale, the later ones from the first.
resolvers () {
  local name=$1 first=$2 logs=() scale

  shift
  for scale; do
    if [ "$scale" = "$first" ]; then run "$name-x$scale"; else run "$name-x$scale" "$name-x$first"; fi
    ./export.py "runs/$name-x$scale/average.pt" "$out/model_x$scale.onnx"
    logs+=("runs/$name-x$scale/log.csv")
  done
  ./plot.py "${logs[@]}" "$out/training.png"
}

single () {
  run "$1"
  ./export.py "runs/$1/average.pt" "$out/model.onnx"
  ./plot.py "runs/$1/log.csv" "$out/training.png"
}

case $package in
  nr-srcnn)              resolvers srcnn 2 3 4 ;;
  nr-fsrcnn)             resolvers fsrcnn 2 3 4 ;;
  nr-dncnn)              single dncnn ;;
  nr-autoencoder)        single denoise-autoencoder ;;
  nr-autoencoder-faces)  source=faces; single denoise-autoencoder-faces ;;
  nr-upscale-faces)      source=faces; resolvers upscale-faces 2 4 ;;
  nr-deblur-autoencoder) single deblur-autoencoder ;;
  nr-dcgan-faces)
    ./dcgan.py train configs/dcgan-faces.json --faces "$folder" --out runs/dcgan --minutes "$minutes"
    ./dcgan.py export runs/dcgan "$out" --faces "$folder" ;;
  *) echo "$package: no such package; there are: $(sed -n 's/^  \(nr-[a-z-]*\)).*/\1/p' build.sh | tr '\n' ' ')" >&2; exit 2 ;;
esac
for file in config.json README.md; do
  for place in .. packages; do
    if [ -f "$place/$package/$file" ]; then cp "$place/$package/$file" "$out/"; fi
  done
done
echo "ready; use it with: neural-restore models add $PWD/$out"
