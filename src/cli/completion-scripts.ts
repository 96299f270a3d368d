/**
 * What the shells need: each hands the line to `tscompose __complete` and shows what comes back, a line a candidate with
 * its help behind a tab, and last of all what the shell is to list by itself.
 */
export const completionScripts = {
  bash: `# tscompose completion for bash; load it with: source <(tscompose completion bash)
_tscompose() {
  local cur=\${COMP_WORDS[COMP_CWORD]} strip='' out line
  local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  # bash takes --name=value apart, and only the last part is replaced.
  if [[ $cur == '=' && COMP_CWORD -ge 2 ]]; then
    words=("\${COMP_WORDS[@]:1:COMP_CWORD-2}" "\${COMP_WORDS[COMP_CWORD-1]}=")
    strip=\${COMP_WORDS[COMP_CWORD-1]}=
    cur=''
  elif [[ COMP_CWORD -ge 3 && \${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
    words=("\${COMP_WORDS[@]:1:COMP_CWORD-3}" "\${COMP_WORDS[COMP_CWORD-2]}=$cur")
    strip=\${COMP_WORDS[COMP_CWORD-2]}=
  fi
  out=$("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null) || return
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :file) COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null ;;
      :directory) COMPREPLY+=($(compgen -d -- "$cur")); compopt -o filenames 2>/dev/null ;;
      :) ;;
      *) line=\${line%%$'\\t'*}; COMPREPLY+=("\${line#"$strip"}") ;;
    esac
  done <<<"$out"
}
complete -F _tscompose tscompose
`,
  zsh: `#compdef tscompose
# tscompose completion for zsh; load it with: source <(tscompose completion zsh)
_tscompose() {
  local line value
  local -a described
  for line in "\${(@f)$($words[1] __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :file) _files ;;
      :directory) _files -/ ;;
      :*|'') ;;
      *) value=\${line%%$'\\t'*}; described+=("\${value//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( \${#described} )) && _describe -V tscompose described
}
if [[ $funcstack[1] == _tscompose ]]; then _tscompose "$@"; else compdef _tscompose tscompose; fi
`,
  fish: `# tscompose completion for fish; load it with: tscompose completion fish | source
function __tscompose_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
        switch $line
            case :file :directory
                __fish_complete_path (commandline -ct)
            case : ''
            case '*'
                echo $line
        end
    end
end
complete -c tscompose -f -a '(__tscompose_complete)'
`,
} as const;
