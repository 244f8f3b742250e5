/**
 * What `platter completion SHELL` prints. The scripts know nothing of commands: with each Tab they ask the program they
 * complete (shell-completion.ts), so they never grow stale. No tabs in them: they pass through the same door as all text.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** bash 3.2, which macOS has, knows neither mapfile nor compopt. */
const BASH = String.raw`# platter in bash: source <(platter completion bash), or put this into
# ~/.local/share/bash-completion/completions/platter
_platter_completion() {
  local piece="\${COMP_WORDS[COMP_CWORD]}" line word files=
  # A lone = or : is where bash cut, not a word.
  case $piece in =|:) piece= ;; esac
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files*) files=yes ;;
      *) word=\${line%%$'\t'*}
         case $word in "$piece"*) COMPREPLY+=("$word") ;; esac ;;
    esac
  done < <("\${1/#\~/$HOME}" --get-completions bash "\${COMP_LINE:0:COMP_POINT}" "$piece" 2>/dev/null)
  # Files alone are completed best by bash itself.
  if [[ $files && \${#COMPREPLY[@]} -gt 0 ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$piece")
    compopt -o filenames 2>/dev/null
  fi
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
  [[ $files ]] || compopt +o default +o bashdefault 2>/dev/null
}
complete -o bashdefault -o default -F _platter_completion platter`;

const ZSH = String.raw`#compdef platter
# platter in zsh: source <(platter completion zsh), or put this as _platter into a folder of $fpath
_platter() {
  local line word files= before=
  local -a plain open
  while IFS= read -r line; do
    case $line in
      :files*) files=yes before=\${\${line#:files}# } ;;
      *) word=\${line%%$'\t'*}
         line=\${word//:/\\:}\${\${line#$word}/$'\t'/:}
         if [[ $word == *= ]]; then open+=($line); else plain+=($line); fi ;;
    esac
  done < <(\${(Q)words[1]/#\~/$HOME} --get-completions words "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
  (( \${#plain} )) && _describe -t words word plain
  (( \${#open} )) && _describe -t options option open -S ''
  if [[ -n $files ]]; then
    [[ -n $before ]] && compset -P "\${(b)before}"
    _files
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _platter "$@"; else compdef _platter platter; fi`;

const FISH = `# platter in fish: platter completion fish | source, or put this into
# ~/.config/fish/completions/platter.fish
function __platter_completion
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    set -l typed (string unescape -- "$token"; or string trim -l -c "'\\"" -- "$token")
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program --get-completions words $words[2..-1] "$typed" 2>/dev/null)
        if string match -q ':files*' -- $line
            set -l before (string replace -r '^:files ?' '' -- $line)
            set -l name (string sub -s (math (string length -- "$before") + 1) -- "$typed")
            for path in (__fish_complete_path "$name")
                echo "$before$path"
            end
        else
            echo $line
        end
    end
end
complete -c platter -f -a '(__platter_completion)'`;

const TEXTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** A dollar before a brace is escaped above, and String.raw keeps the backslash. */
export function completionScript(shell: Shell): string {
  return TEXTS[shell].replaceAll('\\${', '${');
}
