#!/usr/bin/env bash
# libzmq with CURVE by libsodium, and libsamplerate: static, for Windows on x86-64, from Debian's own sources (with its
# fixes, and as signed by it), cross-compiled into FOLDER. What is there already is not built again.
#
#   libraries.sh FOLDER        needs g++-mingw-w64-x86-64-posix cmake make pkg-config dpkg-dev autoconf automake libtool
#
# The sources come through apt, with lists of its own in FOLDER, so that neither root nor a change of the system's lists is
# needed. Where apt is not, unpack the three into FOLDER/src/libsodium, zeromq3 and libsamplerate by hand.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
host=x86_64-w64-mingw32
jobs="${JOBS:-2}"

packages="g++-mingw-w64-x86-64-posix cmake make pkg-config dpkg-dev autoconf automake libtool"
for tool in "$host-g++-posix" cmake make pkg-config autoreconf libtoolize; do
  command -v "$tool" >/dev/null || { echo "$tool not found; on Debian: apt install $packages" >&2; exit 2; }
done

fetch() { # NAME: Debian's source package of that name into src/NAME
  [ -d "$folder/src/$1" ] && return
  command -v dpkg-source >/dev/null || { echo "dpkg-source not found; on Debian: apt install dpkg-dev" >&2; exit 2; }
  local apt="$folder/apt"
  local options=(-o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::SourceList=$apt/sources.list"
    -o "Dir::Etc::SourceParts=$apt/parts" -o APT::Sandbox::User= -o Debug::NoLocking=true -qq)
  if [ ! -e "$apt/updated" ]; then
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    sed -sn 's/^deb /deb-src /p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list >"$apt/sources.list" 2>/dev/null || true
    for file in /etc/apt/sources.list.d/*.sources; do
      [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/$(basename "$file")"
    done
    apt-get "${options[@]}" update
    touch "$apt/updated"
  fi
  mkdir -p "$folder/src/new-$1"
  (cd "$folder/src/new-$1" && apt-get "${options[@]}" source "$1" >/dev/null)
  mv "$folder/src/new-$1"/*/ "$folder/src/$1"
  rm -rf "$folder/src/new-$1"
}

build() { # NAME COMMAND...: run it in build/NAME once; its words go to NAME.log
  local name="$1"
  shift
  [ -e "$folder/$name.done" ] && return
  echo "building $name for Windows ..."
  rm -rf "$folder/build/$name"
  mkdir -p "$folder/build/$name"
  trap 'tail -40 "$folder/$name.log" >&2' ERR
  (
    cd "$folder/build/$name"
    "$@"
  ) >"$folder/$name.log" 2>&1
  trap - ERR
  touch "$folder/$name.done"
}

by_cmake() { # SOURCE OPTIONS...
  cmake -S "$@" -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" -DLIBRARIES_FOLDER="$folder" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$folder" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_TESTING=OFF
  cmake --build . --parallel "$jobs"
  cmake --install .
}

libsodium() {
  (cd "$folder/src/libsodium" && autoreconf --force --install)
  "$folder/src/libsodium/configure" --host="$host" --prefix="$folder" --disable-shared --enable-static --disable-ssp --disable-dependency-tracking \
    CC="$host-gcc-posix"
  make -j"$jobs" -C src
  make -C src install
  make install-pkgconfigDATA
}

# No ipc: nothing but a folder's list of access would guard its sockets. select: a client has two sockets and no need of
# the undocumented half of Windows that the other way takes.
zeromq() {
  by_cmake "$folder/src/zeromq3" -DWITH_LIBSODIUM=ON -DWITH_LIBSODIUM_STATIC=ON -DENABLE_CURVE=ON -DBUILD_SHARED=OFF -DBUILD_STATIC=ON \
    -DBUILD_TESTS=OFF -DWITH_PERF_TOOL=OFF -DWITH_DOCS=OFF -DENABLE_CPACK=OFF -DWITH_LIBBSD=OFF -DENABLE_WS=OFF -DENABLE_DRAFTS=OFF \
    -DZMQ_HAVE_IPC=OFF -DPOLLER=select -DAPI_POLLER=select -DZMQ_WIN32_WINNT=0x0601 -DCMAKE_CXX_FLAGS=-Wno-error
}

samplerate() { by_cmake "$folder/src/libsamplerate" -DBUILD_SHARED_LIBS=OFF -DLIBSAMPLERATE_EXAMPLES=OFF; }

fetch libsodium
fetch zeromq3
fetch libsamplerate
build libsodium libsodium
build libzmq zeromq
build libsamplerate samplerate
