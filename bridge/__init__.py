"""The bridge over ZeroMQ: the sound as NumPy arrays in other programs, which steer it too."""

from legando.bridge.aio import AsyncRemote as AsyncRemote
from legando.bridge.aio import AsyncSubscriber as AsyncSubscriber
from legando.bridge.centred import CentredBuffer as CentredBuffer
from legando.bridge.intake import AudioBlock as AudioBlock
from legando.bridge.keys import client_keys as client_keys
from legando.bridge.remote import Remote as Remote
from legando.bridge.subscriber import Subscriber as Subscriber
