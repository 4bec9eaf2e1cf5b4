#!/bin/sh
# Forms a Redis Cluster: form-redis-cluster.sh MASTER,REPLICA,... MASTER,REPLICA,... with host:port of each server.
# Unlike `redis-cli --cluster create`, it lets the operator say which server is a replica of which, so that they can be in different
# zones. It can run again at any time: a cluster that is whole stays as it is, and nodes whose addresses have changed are introduced
# to each other again. A password of the default user is taken from REDISCLI_AUTH.
set -eu
SLOTS=16384
LIMIT_SECONDS=120

cli() { # server, command...
  server=$1
  shift
  redis-cli -e -h "${server%:*}" -p "${server##*:}" "$@"
}
info() { # server, field of CLUSTER INFO
  cli "$1" cluster info | tr -d '\r' | sed -n "s/^$2://p"
}
own_line() { cli "$1" cluster nodes | grep myself; }
wait_for() { # what, command...
  what=$1 left=$LIMIT_SECONDS
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "not in time: $what" >&2 && exit 1; }
    sleep 1
  done
}
is_cut_off() { cli "$1" info replication | grep -q master_link_status:down; }
is_whole() {
  for server in $servers; do
    [ "$(info "$server" cluster_state)" = ok ] && [ "$(info "$server" cluster_known_nodes)" = "$count" ] || return 1
    if is_cut_off "$server"; then return 1; fi
  done
}
follow_again() {
  # A replica that hears of its master's new address from a third node goes on asking at the old one (Redis 7.0).
  for server in $servers; do
    if is_cut_off "$server"; then cli "$server" cluster replicate "$(own_line "$server" | cut -d ' ' -f 4)"; fi
  done
}
turn=0
is_whole_again() {
  if is_whole; then return 0; fi
  turn=$((turn + 1))
  # Not each time: it begins the synchronization anew.
  [ $((turn % 10)) -ne 0 ] || follow_again
  return 1
}
all_have_met() {
  for server in $servers; do [ "$(info "$server" cluster_known_nodes)" = "$count" ] || return 1; done
}
is_new() { # no node has a slot or knows another one
  for server in $servers; do
    [ "$(info "$server" cluster_slots_assigned)$(info "$server" cluster_known_nodes)" = 01 ] || return 1
  done
}

servers=$(echo "$*" | tr ',' ' ')
count=$(echo "$servers" | wc -w)
first=${servers%% *}
for server in $servers; do wait_for "$server answers" cli "$server" ping; done
if is_whole; then
  echo 'the cluster is whole'
  exit 0
fi

new=no
if is_new; then
  new=yes place=0
  for group in "$@"; do
    cli "${group%%,*}" cluster addslotsrange $((place * SLOTS / $#)) $(((place + 1) * SLOTS / $# - 1))
    place=$((place + 1))
    cli "${group%%,*}" cluster set-config-epoch $place
  done
fi
for server in $servers; do
  # CLUSTER MEET takes no names of hosts. The line of a node about itself has `address:port@bus-port,host-name`.
  host=${server%:*} bus=$(own_line "$server" | sed 's/.*@\([0-9]*\).*/\1/')
  address=$(getent ahostsv4 "$host" | sed -n '1s/ .*//p')
  cli "$first" cluster meet "${address:-$host}" "${server##*:}" "$bus"
done
wait_for 'all nodes have met' all_have_met
if [ $new = yes ]; then
  for group in "$@"; do
    id=$(cli "${group%%,*}" cluster myid)
    for replica in $(echo "${group#*,}" | tr ',' ' '); do
      wait_for "$replica knows its master" cli "$replica" cluster replicate "$id"
    done
  done
fi
wait_for 'the cluster is whole' is_whole_again
echo "the cluster is whole, new: $new"
