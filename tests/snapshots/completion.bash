# Completion of valetkey for bash: source it, or put it where bash-completion looks.
_valetkey() {
	local word=${COMP_WORDS[COMP_CWORD]} known=
	if [ "$COMP_CWORD" -eq 1 ]; then
		known='help demo init serve service tenant user agent vault mcp connection grant approval audit key backup doctor completion version manual'
	else
		case "$COMP_CWORD ${COMP_WORDS[1]} ${COMP_WORDS[2]}" in
		*' demo '*) known='--help --json --data --tenant --listen --sandbox-listen' ;;
		*' init '*) known='--help --json --data --tenant --key-file --passphrase-file' ;;
		*' serve '*) known='--help --json --data --tenant --config --listen --issuer --help-config' ;;
		'2 service '*) known='list show check import-openapi add add-mcp review client' ;;
		*' service list') known='--help --json --data --tenant' ;;
		*' service show') known='--help --json --data --tenant' ;;
		*' service check') known='--help --json --data --tenant' ;;
		*' service import-openapi') known='--help --json --data --tenant --output --match' ;;
		*' service add') known='--help --json --data --tenant' ;;
		*' service add-mcp') known='--help --json --data --tenant --id --name --client-id --client-secret-file --accept' ;;
		*' service review') known='--help --json --data --tenant --accept' ;;
		*' service client') known='--help --json --data --tenant --set --client-id --client-secret-file' ;;
		'2 tenant '*) known='create list' ;;
		*' tenant create') known='--help --json --data --tenant' ;;
		*' tenant list') known='--help --json --data --tenant' ;;
		'2 user '*) known='add list password totp' ;;
		*' user add') known='--help --json --data --tenant --name --subject --email --password-file' ;;
		*' user list') known='--help --json --data --tenant' ;;
		*' user password') known='--help --json --data --tenant --password-file' ;;
		*' user totp') known='--help --json --data --tenant' ;;
		'2 agent '*) known='add list rotate-secret disable' ;;
		*' agent add') known='--help --json --data --tenant --name --redirect-uri' ;;
		*' agent list') known='--help --json --data --tenant' ;;
		*' agent rotate-secret') known='--help --json --data --tenant' ;;
		*' agent disable') known='--help --json --data --tenant --yes' ;;
		'2 vault '*) known='create list show template policy policy explain policy replay policy versions policy draft policy publish policy rollback export import bind rotate-token pause resume delete' ;;
		*' vault create') known='--help --json --data --tenant --name --user --agent --policy' ;;
		*' vault list') known='--help --json --data --tenant --user' ;;
		*' vault show') known='--help --json --data --tenant --clients' ;;
		*' vault template') known='--help --json --data --tenant --preset --service --output' ;;
		*' vault policy') known='--help --json --data --tenant --version' ;;
		*' vault policy explain') known='--help --json --data --tenant --context --effect' ;;
		*' vault policy replay') known='--help --json --data --tenant --file --since' ;;
		*' vault policy versions') known='--help --json --data --tenant' ;;
		*' vault policy draft') known='--help --json --data --tenant --file' ;;
		*' vault policy publish') known='--help --json --data --tenant' ;;
		*' vault policy rollback') known='--help --json --data --tenant --version' ;;
		*' vault export') known='--help --json --data --tenant --output' ;;
		*' vault import') known='--help --json --data --tenant --policy' ;;
		*' vault bind') known='--help --json --data --tenant --connection --service --alias --default' ;;
		*' vault rotate-token') known='--help --json --data --tenant' ;;
		*' vault pause') known='--help --json --data --tenant' ;;
		*' vault resume') known='--help --json --data --tenant' ;;
		*' vault delete') known='--help --json --data --tenant --yes' ;;
		*' mcp '*) known='--help --json --data --tenant' ;;
		'2 connection '*) known='start list show pause resume remove' ;;
		*' connection start') known='--help --json --data --tenant --user --connection --service --alias --scope --set' ;;
		*' connection list') known='--help --json --data --tenant --user --service' ;;
		*' connection show') known='--help --json --data --tenant' ;;
		*' connection pause') known='--help --json --data --tenant' ;;
		*' connection resume') known='--help --json --data --tenant' ;;
		*' connection remove') known='--help --json --data --tenant --yes' ;;
		'2 grant '*) known='list revoke' ;;
		*' grant list') known='--help --json --data --tenant' ;;
		*' grant revoke') known='--help --json --data --tenant --yes' ;;
		'2 approval '*) known='list show approve deny' ;;
		*' approval list') known='--help --json --data --tenant --state' ;;
		*' approval show') known='--help --json --data --tenant' ;;
		*' approval approve') known='--help --json --data --tenant --code' ;;
		*' approval deny') known='--help --json --data --tenant --pause-agent' ;;
		'2 audit '*) known='tail search export verify prove' ;;
		*' audit tail') known='--help --json --data --tenant --user --agent --vault --connection --service --follow --kind --outcome --limit' ;;
		*' audit search') known='--help --json --data --tenant --user --agent --vault --connection --service --kind --outcome --from --to --limit --order' ;;
		*' audit export') known='--help --json --data --tenant --user --agent --vault --connection --service --output --kind --outcome --from --to --format' ;;
		*' audit verify') known='--help --json --data --tenant --log --public-key --checkpoint' ;;
		*' audit prove') known='--help --json --data --tenant --size --log --public-key' ;;
		'2 key '*) known='status unseal seal rotate accept-rollback' ;;
		*' key status') known='--help --json --data --tenant' ;;
		*' key unseal') known='--help --json --data --tenant --key-file --passphrase-file' ;;
		*' key seal') known='--help --json --data --tenant --yes' ;;
		*' key rotate') known='--help --json --data --tenant --root' ;;
		*' key accept-rollback') known='--help --json --data --tenant --yes' ;;
		'2 backup '*) known='create restore' ;;
		*' backup create') known='--help --json --data --tenant --into' ;;
		*' backup restore') known='--help --json --data --tenant --key-file --passphrase-file --from' ;;
		*' doctor '*) known='--help --json --data --tenant' ;;
		*' completion '*) known='--help --json --data --tenant' ;;
		*' version '*) known='--help --json --data --tenant' ;;
		*' manual '*) known='--help --json --data --tenant' ;;
		esac
	fi
	case $word in
	-* | '') ;;
	*) [ "$COMP_CWORD" -le 2 ] || known= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$known" -- "$word")
}
complete -o default -F _valetkey valetkey
