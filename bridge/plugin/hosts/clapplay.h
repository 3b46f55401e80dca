/* clapplay: instances of a CLAP plug-in, a thread that processes them, and what they are given and have played. */
#ifndef LEGANDO_CLAPPLAY_H
#define LEGANDO_CLAPPLAY_H

#include <pthread.h>
#include <stdatomic.h>
#include "clap/entry.h"
#include "clap/plugin-factory.h"
#include "recording.h"

enum { MAX_INSTANCES = 8, MAX_EVENTS = 256, MAX_BLOCK = 8192 };
typedef union { clap_event_header_t header; clap_event_midi_t midi; clap_event_note_t note; clap_event_param_value_t param; } event;

/* Set before a thread runs, by the main thread. */
extern const clap_plugin_t *plugins[MAX_INSTANCES];
extern int instances;
extern double rate_hz, pace_ppm;
/* Read by anybody once no thread runs: frames and calls so far; events for which there was no room. */
extern uint64_t frame, calls, dropped_events;
extern int running;
extern _Atomic uint32_t block_frames; /* frames a call, from the next call on */
extern bool urgent;                   /* whether the thread asks for a DAW's priority */
extern atomic_int restarts;           /* times that the plug-in asked to be activated anew */
extern atomic_int bad;                /* what the next call does that it must not: m(alloc), l(ock), w(rite), n(anosleep), s(yscall) */

/* Open PLUGIN, make the instances, and map the files for so many seconds (`endless`: the last ones); returns its id. */
const char *open_plugin(const char *path, double seconds, bool endless, const char *sound_path, const char *blocks_path);
void close_plugin(void);
bool is_checked(void); /* whether rtcheck.c is preloaded */

void start_playing(uint64_t frames, bool paced); /* let the thread run for so many frames */
void finish_playing(void);                          /* and wait until it has */
void stop_playing(void);                         /* before it has */

/* Between these two: what is given to the next call. */
void begin_giving(void);
event *give(int instance, uint32_t bytes, uint16_t type, uint32_t offset);
void give_transport(bool playing, double tempo_bpm, double beats);
void hold(bool held); /* while it is held, what is given waits */
void end_giving(void);
void flush_given(int instance); /* nobody processes: what waits is given by itself */

#endif
