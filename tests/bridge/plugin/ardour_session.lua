-- A session of Ardour without a display or a sound card: the plug-in on a track, its sound recorded on another.
-- Arguments: lv2 or vst3, the plug-in's id or name, the session's folder. Each line that begins with "legando:" is read
-- by the test.
local kind, id, folder = arg[1], arg[2], arg[3]
local backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_device_name("Silence")
backend:set_sample_rate(48000)
backend:set_buffer_size(512)
local session = create_session(folder, "session", 48000)
assert(session, "no session")

local wanted = kind == "lv2" and ARDOUR.PluginType.LV2 or ARDOUR.PluginType.VST3
local info
for plugin in ARDOUR.LuaAPI.list_plugins():iter() do
	if plugin.type == wanted and (plugin.unique_id == id or plugin.name == id) then info = plugin end
end
assert(info and not info:isnil(), "Ardour does not know the plug-in")

local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
local stereo = ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2)
local last, normal = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
local played = session:new_midi_track(midi, stereo, true, info, nil, nil, 1, "played", last, normal, true):front()
local tape = session:new_audio_track(2, 2, nil, 1, "tape", last, normal, true):front()
for side = 0, 1 do
	tape:input():audio(side):disconnect_all()
	tape:input():audio(side):connect(played:output():audio(side):name())
end
local plugin = played:the_instrument():to_insert()
local controls, set = 0, 0 -- a parameter's number is its place among all that are no audio or events
for n = 0, plugin:plugin(0):parameter_count() - 1 do
	if plugin:plugin(0):parameter_is_control(n) then
		local value = ({ Density = 0.25, Buffer = 250 })[plugin:plugin(0):parameter_label(n)]
		if value and ARDOUR.LuaAPI.set_processor_param(played:the_instrument(), controls, value) then set = set + 1 end
		controls = controls + 1
	end
end
assert(set == 2, "set " .. set .. " parameters of 2")
sleep(2)
print("legando: latency " .. plugin:signal_latency())

local function set_tempo(bpm)
	local map = Temporal.TempoMap.fetch_writable()
	map:set_tempo(Temporal.Tempo(bpm, bpm, 4), Temporal.timepos_t(0))
	Temporal.TempoMap.update(map)
end

set_tempo(131)
tape:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
session:maybe_enable_record(true)
session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
sleep(2)
set_tempo(97)
sleep(2)
session:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
sleep(1)
print("legando: done")
close_session()
quit()
