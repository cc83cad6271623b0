# What ./diffract and ./test.sh share: is everything built, and if not, install what is missing and build it.
# Sourced by bash, with `root` set to the repository's folder. docs/install.md tells the same to people.

stamp=$root/build/stamp # its time is that of the last complete build, its lines are what read_stamp reads

say() { printf '%s\n' "$@"; }
fail() {
    say "$@"
    exit 1
}

# Sets `program`, the folder of the built command, and where its apphost finds .NET.
ready() {
    if ! up_to_date; then
        set_up >&2 || exit 1
        read_stamp
    fi
    export DOTNET_ROOT=${DOTNET_ROOT:-$built_dotnet}
}

read_stamp() {
    { read -r built_root && read -r built_for && read -r built_libtorch && read -r built_dotnet && read -r program; } 2>/dev/null <"$stamp"
}

# Takes milliseconds: one file is read and one `find` looks for anything that is newer than the last build.
up_to_date() {
    read_stamp && [[ $built_root == "$root" && $built_for == "${LIBTORCH:-the system}" && -x $program/Diffract.Cli ]] || return 1
    local newer
    newer=$(find "$root"/{src,native,setup,models,global.json,Directory.Build.props,Directory.Packages.props} "$built_libtorch/libc10.so" \
        \( -name bin -o -name obj \) -prune -o -newercm "$stamp" -print -quit 2>&1) && [[ -z $newer ]]
}

# In a subshell, so that what it sets for dotnet does not reach the program.
set_up() (
    [[ $(uname -s) == Linux ]] ||
        fail "This set-up knows Linux only. Elsewhere: cmake on native/, dotnet publish src/Diffract.Cli, and DIFFRACT_NATIVE set to the folder of the former's library."
    mkdir -p "$root/build/logs" 2>/dev/null && [[ -w $root/build ]] ||
        fail "$root/build cannot be written by $(id -un), and something has to be built there: make it writable, or copy the source to a folder that is."
    exec 9>"$root/build/lock"
    if ! flock -n 9; then
        say "Another set-up is running here; waiting for it."
        flock 9
        if up_to_date; then return; fi
    fi
    if [[ -e $stamp ]]; then say "Building what changed"; else say "Setting Diffract up in $root/build"; fi
    find_dotnet
    find_libtorch
    install_packages
    : >"$stamp.started" # what is saved from here on is newer than this build
    step native "C++ shim and kernels" build_native
    program=$root/build/program/$(date +%s)
    step program "C# program" build_program
    say "$root" "${LIBTORCH:-the system}" "$(<"$root/build/native/libtorch.txt")" "$dotnet_folder" "$program" >"$stamp.new"
    touch -r "$stamp.started" "$stamp.new"
    mv "$stamp.new" "$stamp" && rm "$stamp.started"
    remove_old_programs
)

# step LOG TITLE COMMAND...: one line on the terminal, the rest in build/logs/LOG.log.
step() {
    local log=$root/build/logs/$1.log title=$2 began=$SECONDS
    shift 2
    printf '  %s ... ' "$title"
    if "$@" >"$log" 2>&1 </dev/null 9>&-; then
        say "$((SECONDS - began)) s"
        return
    fi
    say "failed. The end of $log:"
    tail -n 25 "$log" | sed 's/^/    /'
    fail "Put right what it names and start again; what is done already is kept. docs/install.md has the usual causes."
}

# Sets `dotnet` and `dotnet_folder`.
find_dotnet() {
    quiet_dotnet
    local candidate
    for candidate in "${DOTNET_ROOT:-}/dotnet" "$(command -v dotnet)" "$HOME/.dotnet/dotnet" /usr/{share,lib,lib64,local/share}/dotnet/dotnet; do
        # in this folder it looks at global.json, and says no where it has no SDK that fits
        if [[ -x $candidate ]] && (cd "$root" && "$candidate" --version) >/dev/null 2>&1; then
            dotnet=$candidate
            dotnet_folder=$(dirname "$(readlink -f "$candidate")")
            return
        fi
    done
    fail "The .NET 10 SDK is missing. Get it with: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0"
}

quiet_dotnet() {
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
    export DOTNET_ADD_GLOBAL_TOOLS_TO_PATH=false DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=1 DOTNET_CLI_UI_LANGUAGE=en
    export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1                   # a bare machine has no ICU
    export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false # leave no processes behind
    if [[ ! -d ${HOME:-} || ! -w $HOME ]]; then                      # packages and settings go there
        export HOME=$root/build/home
        mkdir -p "$HOME"
    fi
}

# Sets `libtorch` to the folder that LIBTORCH or python3's torch gives; empty: the system's.
find_libtorch() {
    libtorch=${LIBTORCH:-}
    if [[ -n $libtorch ]]; then
        [[ -e $libtorch/include/ATen/ATen.h && -e $libtorch/lib/libtorch_cpu.so ]] ||
            fail "LIBTORCH=$libtorch: include/ATen/ATen.h and lib/libtorch_cpu.so are not both in it. LIBTORCH names the folder that holds include/ and lib/ (of pip's torch, the folder 'torch')."
        say "  libtorch: $libtorch (from LIBTORCH)"
    elif libtorch=$(python3 "$root/native/python_torch.py" 2>/dev/null) && [[ -n $libtorch ]]; then
        say "  libtorch: $libtorch (the torch of python3)"
    fi
}

# Says what is missing and installs it with apt-get; where that cannot be, says what is needed and ends.
install_packages() {
    local package
    local -a missing=() as_root=(env)
    command -v cmake >/dev/null || missing+=(cmake)
    command -v make >/dev/null || missing+=(make)
    command -v "${CXX:-g++}" >/dev/null || missing+=(g++)
    if [[ -z $libtorch ]]; then
        [[ -e /usr/include/ATen/ATen.h ]] || missing+=(libtorch-dev)
        if command -v apt-get >/dev/null; then
            for package in python3-torchvision libopenblas0-openmp; do
                dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
            done
        fi
    fi
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || by_hand "Something is missing here, and there is no apt-get to install it with." "${missing[@]}"
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || fail "Missing: ${missing[*]}. There is no sudo here; as root, run" \
            "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" "and start again, or set LIBTORCH as docs/install.md says."
        as_root=(sudo env)
    fi
    say "  will install with apt-get: ${missing[*]}"
    step apt-update "apt-get update" update_lists
    for package in "${missing[@]}"; do
        offered "$package" || by_hand "apt-get offers no $package, or one that is too old." "${missing[@]}"
    done
    step apt-install "apt-get install" apt install -y --no-install-recommends "${missing[@]}"
}

apt() { "${as_root[@]}" LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }

# apt-get waits for dpkg's lock, but not for that of the lists, which a machine that has just started often holds.
update_lists() {
    local said tries
    for ((tries = 0; tries < 60; tries++)); do
        said=$(apt update 2>&1) || true # one source out of reach need not matter; what is not offered then is told
        printf '%s\n' "$said"
        [[ $said == *"Could not get lock"* ]] || return 0
        sleep 5
    done
    return 1
}

offered() {
    local version
    version=$(LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
    [[ -n $version && $version != '(none)' ]] && { [[ $1 != libtorch-dev ]] || dpkg --compare-versions "$version" ge 1.13; }
}

by_hand() {
    say "$1" "Needed:"
    shift
    case " $* " in *" cmake "* | *" make "* | *" g++ "*)
        say "  - cmake (3.21 or later), make and a compiler for C++17, such as g++" ;;
    esac
    case " $* " in *" libtorch-dev "*)
        say "  - libtorch (1.13 or later), with LIBTORCH set to its folder, the one that holds include/ and lib/. Either pip's torch:" \
            "        python3 -m pip install torch torchvision" \
            "        export LIBTORCH=\$(python3 -c 'import importlib.util as u; print(u.find_spec(\"torch\").submodule_search_locations[0])')" \
            "    or the archive \"LibTorch, C++\" (cxx11 ABI) of https://pytorch.org/get-started/locally, unpacked:" \
            "        export LIBTORCH=/the/folder/libtorch" ;;
    esac
    fail "Then start again."
}

build_native() {
    local folder=$root/build/native lib
    # objects that were made for a libtorch that has changed since are of no use
    if [[ -e $folder/libtorch.txt ]]; then
        lib=$(<"$folder/libtorch.txt")
        [[ -z $(find "$lib/libc10.so" -newercm "$folder/libdiffract_native.so" 2>&1) ]] || rm -rf "$folder"
    fi
    configure_native || { rm -rf "$folder" && configure_native; } || return 1
    cmake --build "$folder" --parallel
}

configure_native() { cmake -S "$root/native" -B "$root/build/native" -G "Unix Makefiles" -DLIBTORCH="$libtorch"; }

# Each build has a folder of its own: a program that runs keeps the files it was started with.
build_program() {
    rm -rf "$program"
    "$dotnet" publish "$root/src/Diffract.Cli" -c Release -o "$program" --tl:off -v minimal &&
        cp "$root/build/native/libdiffract_native.so" "$program/"
}

# All but the current one and the one before it.
remove_old_programs() {
    local -a old=("$root"/build/program/*)
    [[ ${#old[@]} -le 2 ]] || rm -rf "${old[@]:0:${#old[@]}-2}"
}
