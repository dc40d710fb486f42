# SPDX-License-Identifier: BSD-3-Clause
# Completion of qom(1) for bash. The program itself says how a line may go on: subcommands, options, and from
# the running server paths, properties, types, arguments and their values.

_qom()
{
    local line=${COMP_LINE:0:COMP_POINT} word cut i
    local IFS=$'\n'

    # Readline breaks words at = and : too; what it takes as the word before the cursor is replaced.
    word=${line##*[[:space:]]}
    cut=${COMP_WORDS[COMP_CWORD]}
    case $cut in
    =|:) cut= ;;
    esac
    cut=$((${#word} - ${#cut}))
    mapfile -t COMPREPLY < <(command "${COMP_WORDS[0]/#\~/$HOME}" __complete "$line" 2>/dev/null)
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]:cut}
    done
}

# A word that is finished comes with its blank. Where qom knows nothing, files are completed.
complete -o nospace -o default -F _qom qom
