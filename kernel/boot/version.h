#pragma once
/* Selene's own version; the build may name a finer one. */
#ifndef SELENE_VERSION
#define SELENE_VERSION "0.1"
#endif
