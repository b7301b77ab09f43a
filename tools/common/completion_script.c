/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts that ask `PROGRAM __complete`; @P@ stands for the program, @D@ for the option that leaves out descriptions. */
#include "tools/common/completion.h"

static const char bash[] =
    "# Completion of @P@ in bash 4.2 and newer. To be sourced.\n"
    "_@P@() {\n"
    "    local -a words=()\n"
    "    local rest=${COMP_LINE:0:COMP_POINT} bare word i n=0 program cur part before='' answer line\n"
    "    COMPREPLY=()\n"
    "    # Bash cuts words at : and =; what has no blank between it is put together again.\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        bare=${rest#\"${rest%%[![:space:]]*}\"}\n"
    "        word=${COMP_WORDS[i]}\n"
    "        ((i < COMP_CWORD)) || word=$bare\n"
    "        if ((n > 0)) && [[ $bare == \"$rest\" ]]; then\n"
    "            words[n - 1]+=$word\n"
    "        else\n"
    "            words[n++]=$word\n"
    "        fi\n"
    "        rest=${bare#\"$word\"}\n"
    "    done\n"
    "    cur=${words[n - 1]}\n"
    "    program=${words[0]/#\\~\\//$HOME/}\n"
    "    # Within quotes it does not cut.\n"
    "    if [[ $cur != [\\'\\\"]* ]]; then\n"
    "        [[ $COMP_WORDBREAKS == *=* ]] && before=${cur%\"${cur##*=}\"}\n"
    "        [[ $COMP_WORDBREAKS == *:* && ${cur##*:} != \"$cur\" ]] && before=${cur%\"${cur##*[:=]}\"}\n"
    "    fi\n"
    "    for ((i = 0; i < n; i++)); do words[i]=${words[i]//[\\\"\\'\\\\]/}; done\n"
    "    answer=$(printf '%s\\0' \"${words[@]:1}\" | command -- \"$program\" __complete --no-descriptions 2>/dev/null)\n"
    "    part=${words[n - 1]#\"$before\"}\n"
    "    case ${answer%%$'\\n'*} in\n"
    "        *files*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$part\") ;;\n"
    "        *dirs*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$part\") ;;\n"
    "        *nospace*) compopt -o nospace 2>/dev/null ;;\n"
    "    esac\n"
    "    while [[ $answer == *$'\\n'* ]]; do\n"
    "        answer=${answer#*$'\\n'}\n"
    "        line=${answer%%$'\\n'*}\n"
    "        COMPREPLY+=(\"${line#\"$before\"}\")\n"
    "    done\n"
    "}\n"
    "complete -F _@P@ @P@\n";

static const char zsh[] =
    "#compdef @P@\n"
    "# Completion of @P@ in zsh. To be put into a folder of $fpath as _@P@, or sourced.\n"
    "_@P@() {\n"
    "    local -a lines values shown more\n"
    "    local line flags\n"
    "    lines=(\"${(@f)$(printf '%s\\0' \"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\" | command \"${(Q)words[1]/#\\~\\//$HOME/}\" __complete@D@ 2>/dev/null)}\")\n"
    "    flags=$lines[1]\n"
    "    if [[ $flags == *files* ]]; then\n"
    "        [[ $PREFIX == -* ]] && compset -P '*='\n"
    "        _files && return\n"
    "    elif [[ $flags == *dirs* ]]; then\n"
    "        [[ $PREFIX == -* ]] && compset -P '*='\n"
    "        _files -/ && return\n"
    "    fi\n"
    "    for line in \"${(@)lines[2,-1]}\"; do\n"
    "        [[ -n $line ]] || continue\n"
    "        values+=(\"${line%%$'\\t'*}\")\n"
    "        shown+=(\"${line/$'\\t'/  -- }\")\n"
    "    done\n"
    "    (( $#values )) || return 1\n"
    "    [[ $flags == *nospace* ]] && more=(-S '')\n"
    "    if [[ ${(j::)shown} == *'  -- '* ]]; then\n"
    "        compadd -l \"$more[@]\" -d shown -a values\n"
    "    else\n"
    "        compadd \"$more[@]\" -a values\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _@P@ ]]; then\n"
    "    _@P@ \"$@\"\n"
    "else\n"
    "    compdef _@P@ @P@\n"
    "fi\n";

static const char fish[] =
    "# Completion of @P@ in fish. To be put into ~/.config/fish/completions/@P@.fish, or sourced.\n"
    "function __@P@_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l cur (commandline -ct)\n"
    "    set -l program $words[1]\n"
    "    set -e words[1]\n"
    "    set -l answer (printf '%s\\0' $words \"$cur\" | command $program __complete@D@ 2>/dev/null)\n"
    "    test (count $answer) -gt 0; or return\n"
    "    set -l before (string match -r -- '^--[^=]*=' \"$cur\")\n"
    "    set -l part (string replace -r -- '^--[^=]*=' '' \"$cur\")\n"
    "    switch $answer[1]\n"
    "        case '*files*'\n"
    "            for path in (__fish_complete_path \"$part\")\n"
    "                printf '%s%s\\n' \"$before\" $path\n"
    "            end\n"
    "        case '*dirs*'\n"
    "            for path in (__fish_complete_directories \"$part\")\n"
    "                printf '%s%s\\n' \"$before\" $path\n"
    "            end\n"
    "    end\n"
    "    set -e answer[1]\n"
    "    test (count $answer) -gt 0; and printf '%s\\n' $answer\n"
    "end\n"
    "complete -c @P@ -e\n"
    "complete -c @P@ -f -a '(__@P@_complete)'\n";

int rf_completion_script(const char *program, const char *shell, bool descriptions,
                         struct rf_buf *out, struct rf_err *err)
{
    const char *text = strcmp(shell, "bash") == 0   ? bash
                       : strcmp(shell, "zsh") == 0  ? zsh
                       : strcmp(shell, "fish") == 0 ? fish
                                                    : NULL;
    if (text == NULL)
        return rf_fail(err, RFE_USAGE,
                       "there is no completion for \"%.100s\": choose one of bash, zsh, fish",
                       shell);
    for (; *text != '\0'; text++) {
        if (strncmp(text, "@P@", 3) != 0 && strncmp(text, "@D@", 3) != 0) {
            rf_buf_add_char(out, *text);
            continue;
        }
        if (text[1] == 'P')
            rf_buf_add_str(out, program);
        else if (!descriptions)
            rf_buf_add_str(out, " --no-descriptions");
        text += 2;
    }
    return 0;
}
