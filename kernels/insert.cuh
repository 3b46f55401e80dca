// What host and kernel share about an insert: drive.cu, room.cu.

struct InsertControls {    // one for each stream, in mapped memory: layout.py INSERT_CONTROLS
    float gain_from;       // before the first frame
    float gain_step;       // from frame to frame
    unsigned int open;     // whether there is any gain, now or at the end of the last chunk
    unsigned int sends;    // whether there is any at the end of this one
};
