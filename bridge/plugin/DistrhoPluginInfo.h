// What DPF asks of every plug-in: its names and what it wants. Names and ids are in saved projects: never change them.
#ifndef LEGANDO_PLUGIN_INFO_H
#define LEGANDO_PLUGIN_INFO_H

#define DISTRHO_PLUGIN_BRAND "legando"
#define DISTRHO_PLUGIN_NAME "legando"
#define DISTRHO_PLUGIN_URI "urn:legando:plugin"
#define DISTRHO_PLUGIN_CLAP_ID "audio.legando.plugin"

#define DISTRHO_PLUGIN_HAS_UI 0
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
#define DISTRHO_PLUGIN_IS_SYNTH 1
#define DISTRHO_PLUGIN_NUM_INPUTS 0
#define DISTRHO_PLUGIN_NUM_OUTPUTS 2
#define DISTRHO_PLUGIN_WANT_LATENCY 1
#define DISTRHO_PLUGIN_WANT_MIDI_INPUT 1
#define DISTRHO_PLUGIN_WANT_STATE 1
#define DISTRHO_PLUGIN_WANT_FULL_STATE 1
#define DISTRHO_PLUGIN_WANT_TIMEPOS 1

#define DISTRHO_PLUGIN_LV2_CATEGORY "lv2:InstrumentPlugin"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Instrument|Synth|Stereo"
#define DISTRHO_PLUGIN_CLAP_FEATURES "instrument", "synthesizer", "stereo"

#endif
