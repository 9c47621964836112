#pragma once
void ktest_run(const char *name);
