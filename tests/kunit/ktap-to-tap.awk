# SPDX-License-Identifier: GPL-2.0
#
# Turns KUnit's nested results in a kernel log (KTAP) into flat TAP lines: "ok N - suite.case" and,
# for each parameter of a case, "ok N - suite.case: parameter". What was logged during a failed case
# follows it as "# …". The plan line is left to the caller, who adds tests of its own. A suite that
# is missing, that stops early or that is empty fails.
#
# Variables: linked = number of suites in the module; sources = names of the suites in the sources,
# one a line.

function emit(result, name,	i)
{
	print result " " (++count) " - " name
	if (result != "ok")
		for (i = 0; i < lines; i++)
			print "# " line[i]
}

# Splits "ok 3 name # SKIP why" into RESULT and NAME.
function parse(text)
{
	RESULT = (text ~ /^not ok /) ? "not ok" : "ok"
	sub(/^(not )?ok [0-9]+ (- )?/, "", text)
	NAME = text
}

function forget()
{
	lines = 0
}

{
	sub(/\r$/, "")
	sub(/^\[ *[0-9]+\.[0-9]+\] /, "")
}

/^    # Subtest: / {
	suite = substr($0, 16)
	plan = -1
	ran = 0
	failed = 0
	forget()
	next
}

/^    1\.\.[0-9]+$/ {
	plan = substr($0, 8) + 0
	next
}

# A case with parameters starts: its parameters follow, then its own result.
/^        # Subtest: / {
	case_name = substr($0, 20)
	next
}

/^        (not )?ok [0-9]+ / {
	parse(substr($0, 9))
	if (RESULT != "ok")
		failed++
	emit(RESULT, suite "." case_name ": " NAME)
	forget()
	next
}

/^    (not )?ok [0-9]+ / {
	parse(substr($0, 5))
	ran++
	if (RESULT != "ok")
		failed++
	emit(RESULT, suite "." NAME)
	forget()
	next
}

/^(not )?ok [0-9]+ / {
	parse($0)
	name = NAME
	sub(/ # SKIP.*/, "", name)
	ended[name] = 1
	suites++
	if (name != suite)
		emit("not ok", "suite " name " starts")
	else if (plan < 1 || ran != plan)
		emit("not ok", "suite " name " runs all its cases (" ran + 0 " of " plan + 0 ")")
	else if (RESULT != "ok" && !failed)
		emit("not ok", "suite " name)
	suite = ""
	forget()
	next
}

/^    KTAP version|^KTAP version|^        KTAP version/ { next }

{ line[lines++] = $0 }

END {
	if (suite != "")
		emit("not ok", "suite " suite " ends (the machine stopped in it)")
	forget()
	emit(linked > 0 && suites == linked ? "ok" : "not ok",
	     "every suite linked into the module ran (" suites + 0 " of " linked + 0 ")")
	wanted = split(sources, source, "\n")
	for (i = 1; i <= wanted; i++)
		if (!(source[i] in ended))
			emit("not ok", "suite " source[i] " is linked into the module and ran")
}
