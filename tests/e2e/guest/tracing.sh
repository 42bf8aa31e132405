# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# All tracepoints of the module into $WORK/trace. Sourced where a cluster is recorded.
TRACING=/sys/kernel/tracing

# trace_on: before the first node starts; the module is loaded
trace_on()
{
	[ -e $TRACING/trace_pipe ] || mount -t tracefs none $TRACING
	echo 16384 >$TRACING/buffer_size_kb
	echo 1 >$TRACING/events/kquorum/enable
	cat $TRACING/trace_pipe >"$WORK/trace" &
	reader=$!
}

# trace_off: what is left in the buffer is read within moments; then nothing comes any more. Before
# the module is unloaded: that empties the buffer.
trace_off()
{
	local size=-1
	echo 0 >$TRACING/events/kquorum/enable
	while [ "$size" != "$(stat -c %s "$WORK/trace")" ]; do
		size=$(stat -c %s "$WORK/trace")
		sleep 0.5
	done
	kill "$reader"
	wait "$reader" 2>/dev/null
}

# trace_lost: how many events the buffer had no room for
trace_lost() { cat $TRACING/per_cpu/cpu*/stats | awk '/overrun/ { n += $NF } END { print n }'; }
